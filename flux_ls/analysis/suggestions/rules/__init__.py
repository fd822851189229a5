"""The rules, each a function of a failing line; a module for each kind of mistake."""
