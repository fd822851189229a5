"""The working set: an embedded SQLite file, what is kept in it, and the questions it answers."""
