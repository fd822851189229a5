"""Texts that secrets were taken out of, held against texts that may still have them."""

from flux_ls.record.wire import REDACTED


def is_told_by(redacted: str, text: str) -> bool:
    """Whether the text is what was redacted, whatever stood where the marks are; not so where nothing was redacted."""
    if REDACTED not in redacted:
        return False
    first, *between, last = redacted.split(REDACTED)
    at = len(first)
    for part in between:
        found = text.find(part, at)
        if found < 0:
            return False
        at = found + len(part)
    return text.startswith(first) and text.endswith(last) and len(text) - len(last) >= at
