"""Models that see only the last n tokens: neural n-grams, and counted ones."""
