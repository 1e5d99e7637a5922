"""The baseline without a network: n-grams that are counted and smoothed."""
