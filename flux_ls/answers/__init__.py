"""The questions a user asks, one module each, answered from the store and today's source in the shapes of `--json`."""
