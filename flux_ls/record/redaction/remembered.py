"""Secrets that were told by their names, remembered so that they are found where they stand under no name.

They are kept in memory, for as long as their request is recorded, and no longer.
"""

import base64
import binascii
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any, Final

from flux_ls.record.redaction.keys import Verdict, verdict
from flux_ls.record.redaction.sought import LONGEST, SHORTEST, is_sought, parts_of
from flux_ls.record.redaction.spellings import CUT_OFF, Spelled, without_half, without_halves
from flux_ls.record.redaction.values import is_opaque
from flux_ls.record.wire import BYTES, CUT, REDACTED, TYPE

Tree = Any

MOST: Final = 100
"""Values of a request; those that come on top are not remembered."""
_WHOLE: Final = 4 * LONGEST
"""Characters of such a value: it may have several secrets in it, as a cookie header has."""
_DEEPEST: Final = 200
_CUT_MARKS: Final = (CUT.encode(), CUT_OFF.encode())


class Remembered:
    """The secrets of one request that are known up to now. Takes them from any thread, without locks."""

    __slots__ = ("__weakref__", "_given", "_known", "_looked_at", "_numbers", "_sought")

    def __init__(self) -> None:
        self._given: dict[str, None] = {}
        self._looked_at = 0
        self._known: tuple[Spelled, ...] = ()
        self._sought: tuple[Spelled, ...] | None = None
        self._numbers: frozenset[str] = frozenset()

    def __bool__(self) -> bool:
        return bool(self._given)

    def add(self, value: object) -> None:
        """A value that was redacted because of its name."""
        if type(value) is not str:
            if isinstance(value, bytes):
                value = value[:LONGEST].decode("utf-8", "replace")
            elif isinstance(value, str) or (isinstance(value, int | float) and not isinstance(value, bool)):
                value = str(value)
            else:
                return
        if value not in self._given and value != REDACTED and len(value) <= _WHOLE and len(self._given) < MOST:
            self._given[value] = None

    def add_tree(self, tree: Tree, depth: int = 0) -> None:
        """The same for a JSON tree: what is a secret by itself of what it holds."""
        if depth > _DEEPEST or len(self._given) >= MOST:
            return
        if type(tree) is dict:
            for name, value in tree.items():
                # Beside a secret stands whose it is, which is none elsewhere.
                if type(value) is dict or type(value) is list:
                    self.add_tree(value, depth + 1)
                elif name != TYPE and (
                    name[:1] == "$" or verdict(name) is not Verdict.OPEN or (type(value) is str and is_opaque(value))
                ):
                    self.add(value)
        elif type(tree) is list:
            for value in tree:
                self.add_tree(value, depth + 1)
        else:
            self.add(tree)

    def share(self, other: "Remembered") -> None:
        """Both know what either does."""
        if other is not self:
            for value in list(self._given):
                other.add(value)
            for value in list(other._given):
                self.add(value)

    def secrets(self) -> tuple[Spelled, ...]:
        """What is looked for: the longest first, as one may be a part of another."""
        candidates = self._candidates()
        if self._sought is None:
            self._sought = tuple(candidate for candidate in candidates if candidate.is_sought())
        return self._sought

    def may_be_in(self, encoded: bytes) -> bool:
        """Whether something that was encoded has to be looked into."""
        candidates = self._candidates()
        if not candidates:
            return False
        # Numbers are encoded in another way, and of what was cut the half of a secret may be there.
        if self._numbers or any(mark in encoded for mark in _CUT_MARKS):
            return True
        return any(candidate.may_be_in(encoded) for candidate in candidates)

    def _candidates(self) -> tuple[Spelled, ...]:
        if self._looked_at < len(self._given):
            given = list(self._given)
            known = {candidate.value: candidate for candidate in self._known}
            for value in given[self._looked_at :]:
                for part in parts_of(value):
                    if SHORTEST <= len(part) <= LONGEST and part not in known:
                        known[part] = Spelled(part)
            self._looked_at = len(given)
            self._known = tuple(known[each] for each in sorted(known, key=len, reverse=True))
            self._sought = None
            self._numbers = frozenset(each for each in known if _is_number(each) and is_sought(each))
        return self._known

    def is_number(self, value: float) -> bool:
        """Whether a number is a secret."""
        return bool(self._numbers) and str(value) in self._numbers

    def without(self, text: str) -> str:
        """The text without the secrets; the same text if there are none in it."""
        secrets = self.secrets()
        for secret in secrets:
            text = secret.without(text)
        return without_halves(text, secrets) if secrets and CUT_OFF in text else text

    def tree_without(self, tree: Tree, depth: int = 0) -> Tree:
        """The same for a JSON tree, its keys included."""
        kind = type(tree)
        if kind is str:
            return self.without(tree)
        if kind is dict or kind is list:
            if depth > _DEEPEST:
                return REDACTED  # what nobody looked at is not shown
            if kind is dict:
                return self._fields_without(tree, depth)
            return [self.tree_without(value, depth + 1) for value in tree]
        if (kind is int or kind is float) and self.is_number(tree):
            return REDACTED
        return tree

    def locals_without(self, frames: Tree) -> Tree:
        """The same for the variables of a stack's frames; where each of them is stays as it is."""
        if type(frames) is not list:
            return self.tree_without(frames)
        return [
            {**frame, "locals": self.tree_without(frame["locals"])}
            if type(frame) is dict and "locals" in frame
            else self.tree_without(frame)
            for frame in frames
        ]

    def _fields_without(self, tree: dict[str, Tree], depth: int) -> Tree:
        raw = tree.get(BYTES)
        if type(raw) is str and self._is_in_base64(raw):
            return REDACTED
        fields: dict[str, Tree] = {}
        for name, value in tree.items():
            key = name if name in (TYPE, CUT) else self.without(name)
            while key != name and key in tree | fields:
                key += "'"  # what is told apart stays so
            if name == CUT and type(value) is str:
                text = self.without(value)
                fields[key] = without_half(text, len(text), self.secrets())[0]
            else:
                fields[key] = value if name == TYPE else self.tree_without(value, depth + 1)
        return fields

    def _is_in_base64(self, raw: str) -> bool:
        if self.without(raw) != raw:
            return True
        try:
            text = base64.b64decode(raw[: len(raw) // 4 * 4]).decode("utf-8", "replace")
        except (binascii.Error, ValueError):
            return False
        return self.without(text) != text


def _is_number(value: str) -> bool:
    return value.lstrip("-").replace(".", "", 1).isdecimal()


def _nobody() -> None:
    return None


_GATHERING: Final[ContextVar[Remembered | None]] = ContextVar("flux_gathering", default=None)
_of_this_request: Callable[[], Remembered | None] = _nobody


class gathering:  # noqa: N801 - as `contextlib` names its own
    """What is redacted here meanwhile is remembered there."""

    __slots__ = ("_into", "_token")

    def __init__(self, into: Remembered) -> None:
        self._into = into

    def __enter__(self) -> None:
        self._token = _GATHERING.set(self._into)

    def __exit__(self, *_: object) -> None:
        _GATHERING.reset(self._token)


def ask(of_this_request: Callable[[], Remembered | None] = _nobody) -> None:
    """Where nobody gathers, what is redacted belongs to the request that runs here, if this knows of one."""
    global _of_this_request
    _of_this_request = of_this_request


def redacted(value: Tree) -> str:
    """The mark that stands for a value which is a secret because of its name: a text, a number, or a tree of them."""
    into = _GATHERING.get()
    if into is None:
        into = _of_this_request()
    if into is not None:
        if type(value) is dict or type(value) is list:
            into.add_tree(value)
        else:
            into.add(value)
    return REDACTED
