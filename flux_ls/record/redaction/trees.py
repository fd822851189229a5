"""Secrets inside JSON trees: under their names, in pairs of name and value, and inside texts."""

import re
from typing import Any, Final

from flux_ls.record.redaction.keys import Verdict, verdict
from flux_ls.record.redaction.remembered import redacted
from flux_ls.record.redaction.texts import redact_text
from flux_ls.record.redaction.tokens import is_card
from flux_ls.record.redaction.values import is_code, is_countable, is_opaque, is_path
from flux_ls.record.wire import CUT, REDACTED, TYPE

Tree = Any

_NAME = re.compile(r"[\w.\-\[\]]{1,80}")
_LONG_NAME: Final = 16
_SMALLEST_CARD: Final = 10**13
_DEEPEST: Final = 200


def redact_tree(tree: Tree) -> Tree:
    """The tree without secrets; what has none is the same as before."""
    return _redacted(tree, 0, by_name=True)


def redact_texts(tree: Tree) -> Tree:
    """The same for a tree whose names were judged when it was made."""
    return _redacted(tree, 0, by_name=False)


def is_secret_value(judged: Verdict, value: Any) -> bool:
    """Whether a value is a secret, given what its name says."""
    if value is None or value is True or value is False:
        return False
    if judged is Verdict.SECRET:
        return True
    kind = type(value)
    if kind is int:
        if judged is Verdict.CODE:
            return is_code(str(value)) if -_SMALLEST_CARD < value < _SMALLEST_CARD else False
        return _SMALLEST_CARD <= value < 1 << 63 and is_card(str(value))
    if kind is str:
        return {
            Verdict.OPAQUE: is_opaque,
            Verdict.CODE: is_code,
            Verdict.TEXT: _is_secret_text,
            Verdict.COUNTABLE: _is_secret_tokens,
        }.get(judged, _never)(value)
    if kind is list or kind is tuple:
        if judged is Verdict.COUNTABLE:
            return any(type(part) is str and is_opaque(part) for part in value)
        return judged is Verdict.TEXT and len(value) == 2
    return False


def redacted_as(judged: Verdict, value: Tree) -> str:
    """The mark for a value that is a secret, given what its name says."""
    # Of a pair, the first is whose secret it is.
    return redacted(value[1] if judged is Verdict.TEXT and type(value) is list else value)


def _never(_text: str) -> bool:
    return False


def _is_secret_text(text: str) -> bool:
    return bool(text) and not is_path(text)


def _is_secret_tokens(text: str) -> bool:
    return not is_countable(text) and is_opaque(text)


def _redacted(tree: Tree, depth: int, *, by_name: bool) -> Tree:
    kind = type(tree)
    if kind is str:
        return redact_text(tree)
    if depth > _DEEPEST:
        return REDACTED  # what nobody looked at is not shown
    if kind is dict:
        return _redacted_fields(tree, depth, by_name)
    if kind is list:
        return _redacted_elements(tree, depth, by_name)
    if kind is int and is_secret_value(Verdict.OPEN, tree):
        return REDACTED
    return tree


def redact_pair(tree: Tree) -> Tree:
    """Of a name and a value that stand beside each other, without the value if the name is secret."""
    if type(tree) is dict:
        # `{"name": "password", "value": "…"}`
        name = tree.get("name", tree.get("key"))
        if type(name) is str and is_secret_value(verdict(name), tree["value"]):
            return {**tree, "value": redacted(tree["value"])}
    elif type(tree[0]) is str and _is_one(tree[1]) and _NAME.fullmatch(tree[0]) and verdict(tree[0]) is Verdict.SECRET:
        # `["authorization", "…"]`
        return [tree[0], redacted(tree[1])]
    return tree


def _is_one(value: Tree) -> bool:
    return type(value) in (str, int) or (type(value) is dict and CUT in value)


def _redacted_fields(tree: dict[str, Tree], depth: int, by_name: bool) -> Tree:
    fields: dict[str, Tree] = {}
    for name, value in tree.items():
        key = redact_text(name) if len(name) >= _LONG_NAME else name
        if name == TYPE:
            fields[key] = value
        elif by_name and is_secret_value(judged := verdict(name), value):
            fields[key] = value if value == "" else redacted_as(judged, value)
        else:
            fields[key] = _redacted(value, depth + 1, by_name=by_name)
    return redact_pair(fields) if "value" in fields else fields


def _redacted_elements(tree: list[Tree], depth: int, by_name: bool) -> Tree:
    elements = [_redacted(value, depth + 1, by_name=by_name) for value in tree]
    for at, flag in enumerate(tree[:-1]):
        # `--password …` among the arguments of a command.
        if type(flag) is not str or not flag.startswith("--") or "=" in flag or type(tree[at + 1]) is not str:
            continue
        if verdict(flag) is Verdict.SECRET and not tree[at + 1].startswith("--"):
            elements[at + 1] = redacted(tree[at + 1])
    return redact_pair(elements) if len(elements) == 2 else elements
