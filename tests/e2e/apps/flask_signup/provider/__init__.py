"""A payment provider as one meets it: it never answers a charge that it could be asked for twice."""
