"""The playground: a small shop with a history, that a newcomer can break and mend in two minutes."""
