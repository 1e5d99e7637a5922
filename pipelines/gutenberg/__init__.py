"""Project Gutenberg: its catalogue, its mirrors, its files, and the books in them."""

DEFAULT_MIRROR = "https://gutenberg.pglaf.org/"
