"""A training run, from the text to the exported model."""
