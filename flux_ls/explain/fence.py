"""Recorded text as data: nothing in it can be taken for the developer's words, nor end where it stands."""

import hashlib
import unicodedata
from collections.abc import Iterable

_KEPT = frozenset("\n\t")


def harmless(text: str) -> str:
    """The text with everything spelled out that does not show: control characters, what reorders, what hides."""
    text = text.replace("\r\n", "\n")
    if text.isprintable():
        return text
    return "".join(char if _shows(char) else _spelled(char) for char in text)


def _shows(char: str) -> bool:
    return char in _KEPT or char.isprintable() or unicodedata.category(char) == "Zs"


def _spelled(char: str) -> str:
    code = ord(char)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def boundary_for(texts: Iterable[str]) -> str:
    """A word that none of the texts can hold, since it is made of all of them.

    The same texts give the same word, so what is shown today is what is sent tomorrow.
    """
    held = list(texts)
    salt = 0
    while True:
        digest = hashlib.blake2b(f"flux explain {salt}".encode(), digest_size=8)
        for text in held:
            digest.update(len(text).to_bytes(8, "big") + text.encode("utf-8", "surrogatepass"))
        word = digest.hexdigest()
        if not any(word in text for text in held):
            return word
        salt += 1


def fenced(text: str, boundary: str) -> str:
    return f"<recorded {boundary}>\n{text}\n</recorded {boundary}>"
