"""What a value looks like, for names that are secret only if it looks like one."""

import re

_OPAQUE = re.compile(r"[A-Za-z0-9_\-.+/=~%:|]{16,}")
_PARTS = re.compile(r"[A-Za-z0-9]+")
_CODE = re.compile(r"\d{3,12}")
_PATH = re.compile(r"~?/|\./|\.\./|[A-Za-z]:[\\/]|\\\\|\.\Z|~\Z")
_NUMBER = re.compile(r"[+\-]?\d[\d_,.]*(?:[eE][+\-]?\d+)?")
_LONG_PART = 20


def is_opaque(text: str) -> bool:
    """Whether nobody can read it: long, without spaces, and letters and digits are mixed in it."""
    if _OPAQUE.fullmatch(text) is None or text[0] in "/.":
        return False
    return any(
        (len(part) >= 6 and not part.isalpha() and not part.isdigit()) or len(part) >= _LONG_PART
        for part in _PARTS.findall(text)
    )


def is_code(text: str) -> bool:
    return _CODE.fullmatch(text) is not None


def is_path(text: str) -> bool:
    return _PATH.match(text) is not None


def is_countable(text: str) -> bool:
    return _NUMBER.fullmatch(text) is not None
