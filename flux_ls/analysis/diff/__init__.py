"""Two requests compared: their spans aligned as trees, what was recorded by path, their row changes by key."""
