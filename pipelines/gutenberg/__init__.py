"""Project Gutenberg: its files, its markers, its mirrors."""
