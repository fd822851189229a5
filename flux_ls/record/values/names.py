"""Names of fields, keys and arguments: how they are written, and whether they stand for a secret."""

from typing import Any, Final

from flux_ls.record.redaction.keys import Verdict, on_configure, verdict
from flux_ls.record.redaction.texts import is_suspect, redact_cut
from flux_ls.record.redaction.trees import is_secret_value, redact_texts
from flux_ls.record.values import kinds
from flux_ls.record.values.kinds import attribute_value, kind_of
from flux_ls.record.values.telling import telling_of

LONGEST: Final = 200
_KNOWN: Final = 8192
_BIGGEST_INT: Final = 1 << 63

PLAIN_NAMES: Final[dict[str, str]] = {}
"""Names that are no secrets, as they are written."""
on_configure.append(PLAIN_NAMES.clear)


def written(name: Any) -> tuple[str, Verdict]:
    """How a key is written, and what it says about its value."""
    if type(name) is not str:
        name = _key_text(name)
    judged = verdict(name)
    key = name if len(name) <= LONGEST else redact_cut(name[:LONGEST]) + "…"
    if name[:1] == "$":
        key = "$" + key
    if len(name) >= 16 and is_suspect(name):
        key = redact_texts(key)
    elif judged is Verdict.OPEN and len(name) <= LONGEST:
        if len(PLAIN_NAMES) >= _KNOWN:
            PLAIN_NAMES.clear()
        PLAIN_NAMES[name] = key
    return key, judged


def _key_text(key: Any) -> str:
    kind = type(key)
    if key is None or kind is bool or kind is int or kind is float:
        return (
            repr(key)
            if kind is not int or -_BIGGEST_INT < key < _BIGGEST_INT
            else hex(key >> max(0, key.bit_length() - 64))
        )
    told = kind_of(kind)
    if told.family is kinds.TEXT:
        return str.__str__(key)
    if told.family is kinds.TUPLE:
        return "(" + ", ".join(_key_text(part) for part in tuple.__getitem__(key, slice(0, 8))) + ")"
    if told.family is kinds.BYTES and kind is bytes:
        return bytes(key[:LONGEST]).decode("utf-8", "backslashreplace")
    if told.family is kinds.ENUM:
        name = attribute_value(key, told, "_name_")
        return name if type(name) is str else told.type_name
    if told.family is kinds.TOLD and (tell := telling_of(kind)) is not None:
        return tell(key)
    return f"<{told.type_name}>"


def is_secret(judged: Verdict, value: object) -> bool:
    if value is None or value is True or value is False:
        return False
    if judged is Verdict.SECRET:
        return True
    kind = type(value)
    if kind is bytes:
        value = value[:200].decode("latin-1")  # type: ignore[index]
        kind = str
    if kind is str or kind is int or kind is float or kind is tuple or kind is list:
        return is_secret_value(judged, value)
    return False
