"""The loops that write and score text, and LanguageModel, which offers them to Python."""
