"""Runs in a process of the project's own interpreter: the standard library, and what the application has."""
