"""The text of a recorded `exception.stacktrace` as an exception with frames.

Parsers never look for frames in the message that was recorded with the stack. A frame without a line (Java's
`Native Method`, JavaScript's `<anonymous>`) has line 0 and is never in-app. `kept` says how much is kept of a
stack that is longer than any program would print.
"""

import re
from collections.abc import Callable
from typing import Final

from msgspec.structs import replace

from flux_ls.model import Language, Raised

from .go import parse_go
from .in_app import DEFAULT_RULE, InAppRule
from .java import parse_java
from .javascript import parse_javascript
from .kept import READ_LENGTH
from .python import parse_python

__all__ = ["DEFAULT_RULE", "InAppRule", "detect_language", "parse_stacktrace"]

_PARSERS: Final[dict[Language, Callable[[str, str, str, InAppRule], Raised]]] = {
    "python": parse_python,
    "javascript": parse_javascript,
    "go": parse_go,
    "java": parse_java,
}
_ANSI: Final = re.compile(r"\x1b\[[0-9;:]*[mK]")
_SIGNS: Final[tuple[tuple[Language, re.Pattern[str]], ...]] = (
    ("python", re.compile(r"^[ |+-]{0,80}(?:Exception Group )?Traceback \(most recent call last\):$|^  File \"", re.M)),
    ("go", re.compile(r"^goroutine \d+ .*\[|^\t[^\n]*\.go:\d+", re.M)),
    (
        "java",
        re.compile(
            r"^[ \t]{0,80}at [^\n(]+\((?:[^():\n]+\.(?:java|kts?|scala|groovy|clj)(?::\d+)?|Native Method|"
            r"Unknown Source)\)|"
            r"^Caused by: |^[ \t]{1,80}\.\.\. \d+ (?:more|common frames omitted)|^Exception in thread \"",
            re.M,
        ),
    ),
    ("javascript", re.compile(r"^[ \t]{0,80}at [^\n]|^[^\n@]{0,200}@[^\n]{1,1000}:\d+:\d+$", re.M)),
)
_DETECTED_IN = 200_000
"""Characters at each end of a stack that are looked at to tell its language."""


def detect_language(text: str, message: str = "") -> Language:
    """The language that a stack trace looks like; Python when it looks like none."""
    if "\n" in message:
        text = text.replace(message, "", 1)
    if len(text) > 2 * _DETECTED_IN:
        text = f"{text[:_DETECTED_IN]}\n{text[-_DETECTED_IN:]}"
    for language, sign in _SIGNS:
        if sign.search(text):
            return language
    return "python"


def parse_stacktrace(
    text: str, *, type: str = "", message: str = "", language: Language | None = None, rule: InAppRule = DEFAULT_RULE
) -> Raised:
    """What `text` tells of the exception that was recorded with `type` and `message`.

    Never raises, whatever the text is. Of a text that is longer than any program would print, only so much is looked
    at, and `truncated` says so where that leaves out what would have been told. Without `language` the text tells it.
    """
    if not text or text.isspace():
        return Raised(type, message)
    plain, plain_message = text, message
    if "\x1b" in text:
        plain, plain_message = _ANSI.sub("", text), _ANSI.sub("", message)
    if language is None:
        language = detect_language(plain, plain_message)
    limit = READ_LENGTH + len(plain_message)
    cut = language != "python" and len(plain) > limit
    if cut:
        plain = plain[: plain.rfind("\n", 0, limit) + 1 or limit]
    raised = _PARSERS[language](plain.lstrip("\r\n"), type, plain_message, rule)
    if cut:
        raised = replace(raised, truncated=True)
    return replace(raised, message=message) if raised.message == plain_message != message else raised
