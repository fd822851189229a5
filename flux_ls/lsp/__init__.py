"""The language server: the only part that speaks the Language Server Protocol."""
