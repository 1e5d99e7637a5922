"""The SavedModel: how a model is exported, and what it offers to a server."""
