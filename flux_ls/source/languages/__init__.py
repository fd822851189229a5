"""The functions of languages other than Python, where tree-sitter's grammar of the language is installed."""
