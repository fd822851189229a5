"""An exception in words: type, message and stack trace, as OpenTelemetry writes them."""

import traceback
from typing import Any, Final

from flux_ls.record import settings
from flux_ls.record.redaction import redact_text
from flux_ls.record.redaction.spellings import CUT_OFF

_FRAMES: Final = 60
"""Of one exception's stack: the innermost."""
_STACK: Final = 48 * 1024
_LINE: Final = 200


def type_name(error: BaseException) -> str:
    kind = type(error)
    module = kind.__module__
    return kind.__qualname__ if module in ("builtins", None) else f"{module}.{kind.__qualname__}"


def message_of(error: BaseException) -> str:
    try:
        text = str(error)
    except Exception as wrong:
        return f"<the message cannot be read: {type(wrong).__name__}>"
    return redact_text(str.__str__(_cut(text)))


def one_line(error: BaseException) -> str:
    """`Type: message`, for a span's status."""
    message = message_of(error).strip()
    line = message.splitlines()[0] if message else ""
    name = type(error).__name__
    return f"{name}: {line if len(line) <= _LINE else line[: _LINE - 1] + CUT_OFF}" if line else name


def stacktrace_of(error: BaseException) -> str:
    """What Python prints for it; of a very long one the innermost frames of each exception."""
    told = traceback.TracebackException(type(error), error, error.__traceback__, limit=-_FRAMES, compact=True)
    _shorten(told)
    text = "".join(told.format())
    if len(text) > _STACK:
        # What is innermost stands at the end, and so does the message.
        text = "Traceback (most recent call last):\n" + text[-_STACK:].partition("\n")[2]
    return redact_text(text)


def _cut(text: str) -> str:
    longest = settings.in_force().record_value_bytes
    return text if len(text) <= longest else text[:longest] + CUT_OFF


def _shorten(told: Any, depth: int = 0) -> None:
    """A message may be as long as it likes."""
    if told is None or depth > 20:
        return
    text = getattr(told, "_str", None)
    if isinstance(text, str):
        told._str = _cut(text)
    _shorten(told.__cause__, depth + 1)
    _shorten(told.__context__, depth + 1)
    for member in (getattr(told, "exceptions", None) or ())[:20]:
        _shorten(member, depth + 1)
