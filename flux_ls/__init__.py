"""Flux: the failure, on the line that caused it."""

__version__ = "0.1.0"
