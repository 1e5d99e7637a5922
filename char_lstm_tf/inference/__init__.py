"""Loops that write and score text."""
