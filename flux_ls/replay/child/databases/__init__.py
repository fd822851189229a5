"""Databases: what the application opens is a throw-away copy."""
