"""What stands for a value that is a secret because of its name, which is remembered meanwhile, whatever it is."""

from typing import Any, Final

from flux_ls.record.redaction.keys import Verdict
from flux_ls.record.redaction.remembered import redacted
from flux_ls.record.redaction.trees import redacted_as
from flux_ls.record.values.kinds import attribute_value, kind_of

_PLAIN: Final = frozenset({str, int, float, bytes})
_OF_PYDANTIC: Final = "_secret_value"
"""Where its `SecretStr` has it."""


def redacted_value(judged: Verdict, value: Any) -> str:
    """The mark for the value, given what its name says."""
    if type(value) in _PLAIN:
        return redacted(value)
    inside = attribute_value(value, kind_of(type(value)), _OF_PYDANTIC)
    if type(inside) in _PLAIN:
        return redacted(inside)
    # What is made of parts is looked at like any other value: without doing anything to it, and not for long.
    from flux_ls.record.values.snapshot import snapshot

    return redacted_as(judged, snapshot(value))
