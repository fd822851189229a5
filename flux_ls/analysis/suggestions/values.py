"""Recorded values as rules see them: JSON with the recorder's marks."""

from typing import TypeGuard

from msgspec import Struct

from flux_ls.model import AttributeValue
from flux_ls.record.wire import CUT, MARKS, MORE, REDACTED, TYPE

_SHOWN = 60


class Recorded(Struct, frozen=True):
    """What was recorded of an expression: a value (None is one, too) or nothing."""

    known: bool = False
    value: AttributeValue = None

    @property
    def is_none(self) -> bool:
        return self.known and self.value is None


UNKNOWN = Recorded()


def type_of(value: AttributeValue) -> str | None:
    """The qualified type of a recorded object."""
    kind = value.get(TYPE) if isinstance(value, dict) else None
    return kind if isinstance(kind, str) else None


def is_plain_dict(value: AttributeValue) -> TypeGuard[dict[str, AttributeValue]]:
    """Whether a recorded value was a dict, and not an object or a mark."""
    return isinstance(value, dict) and not (MARKS - {MORE}) & value.keys()


def is_more(value: AttributeValue) -> bool:
    return isinstance(value, dict) and list(value) == [MORE]


def names(value: AttributeValue) -> list[str]:
    """The keys of a recorded dict, or the attributes of a recorded object."""
    return [_unmarked(key) for key in value if key not in MARKS] if isinstance(value, dict) else []


def is_whole(value: AttributeValue) -> bool:
    """Whether nothing of a recorded container was left out."""
    if isinstance(value, dict):
        return MORE not in value
    return not (isinstance(value, list) and value and is_more(value[-1]))


def size_of(value: AttributeValue) -> int | None:
    """The length of a recorded list, text or dict; None where it is not known."""
    if isinstance(value, str) and REDACTED not in value:
        return len(value)
    if isinstance(value, list):
        return len(value) if is_whole(value) else None
    return len(value) if is_plain_dict(value) and is_whole(value) else None


def shown(value: AttributeValue) -> str:
    """A recorded value in a few words."""
    if isinstance(value, dict):
        if isinstance(cut := value.get(CUT), str):
            return shown(cut + "…")
        if (kind := type_of(value)) is not None:
            return f"a {kind.rpartition('.')[2]}"
        return "a dict"
    if isinstance(value, list):
        return "a list" if value else "an empty list"
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def listed(words: list[str], most: int = 6) -> str:
    """`email, name, plan and 3 more`."""
    if len(words) <= most:
        return ", ".join(words)
    return f"{', '.join(words[:most])} and {len(words) - most} more"


def _unmarked(key: str) -> str:
    return key[1:] if key.startswith("$$") else key
