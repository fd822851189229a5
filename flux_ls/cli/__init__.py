"""The terminal: one module for each command, and how answers look there. The only place that prints."""
