"""How many examples hypothesis tries, where a test has a number of its own."""

from hypothesis import settings


def examples(most: int) -> int:
    """All of them in the whole run; in the quick one the share that its profile has of the usual hundred."""
    return max(1, most * settings.default.max_examples // 100)
