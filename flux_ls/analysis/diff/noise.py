"""Noise: what differs between any two runs of the same code, and says nothing about how they differ.

Ids that are new in every run are told from others by being renamed consistently: what is 42 here and 43 there, wherever
it stands. A value that changed in one place and not in the other is a difference.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Literal

from flux_ls.analysis.diff import names, texts
from flux_ls.analysis.diff.paths import Path
from flux_ls.analysis.diff.values import Change

Reason = Literal[
    "id", "time", "duration", "address", "port", "thread", "run", "header", "size", "order", "code", "secret"
]
"""Why a difference is none."""

_GIVEN = frozenset({"url.path", "url.full", "url.query", "http.target", "http.url"})
_ADDRESSES = _GIVEN | {"path", "url", "query", "params", "path_params", "route_params"}
_ANY_TIME = frozenset({"created", "updated", "modified", "changed", "inserted", "seen", "started", "ended", "finished"})
_TIMES = frozenset({"timestamp", "ts", "time", "now", "at", "date"})
_UNNAMED = frozenset({"input", "output", "args", "params", "parameters", "result", "return", "value", "values", "path"})
_TOLERANCE_S = 60.0
_EXCEPTIONS = 10
"""One place of so many may hold another value, and is told as a difference; with more it is no renaming."""


class Place:
    """Where a difference stands."""

    __slots__ = ("given", "group", "header", "kind", "name", "names", "number")

    def __init__(self, path: Path, *, owner: str = "", given: bool = False) -> None:
        told = [step for step in path if isinstance(step, str)]
        if owner:
            told = [owner, *told]
        self.name = told[-1] if told else ""
        self.kind = names.kind(self.name)
        self.group = names.group(tuple(told[-2:]))
        self.given = given
        """It is what the caller gave: if it differs, the two requests were asked different things."""
        self.names = self.kind in ("id", "own_id") or not _ADDRESSES.isdisjoint(told)
        """A number here, alone or in a text, says which thing is meant."""
        self.header = ""
        self.number = not told or isinstance(path[-1], int) or self.name in _UNNAMED
        """The name does not tell what a number here would count."""
        if len(told) > 1 and told[-2] == "headers":
            self.header = self.name.lower()
        elif ".header." in self.name:
            self.header = self.name.rpartition(".header.")[2].lower().replace("_", "-")


def is_given(path: Path) -> bool:
    """Whether the entry span's value at this path is what the caller gave."""
    return path[0] in ("input", "name") or (len(path) == 2 and path[0] == "attributes" and path[1] in _GIVEN)


class _Counts:
    """How often which value stood for which."""

    def __init__(self) -> None:
        self.forth: dict[str, Counter[str]] = defaultdict(Counter)
        self.back: dict[str, Counter[str]] = defaultdict(Counter)

    def add(self, before: str, after: str) -> None:
        self.forth[before][after] += 1
        self.back[after][before] += 1

    def agree(self, before: str, after: str) -> bool:
        """Whether nothing speaks against a renaming, but for a few exceptions. That it stayed anywhere does."""
        if before == after or before in self.forth.get(before, ()) or after in self.back.get(after, ()):
            return before == after
        return all(
            counts[name] * _EXCEPTIONS >= counts.total() * (_EXCEPTIONS - 1)
            for counts, name in ((self.forth.get(before), after), (self.back.get(after), before))
            if counts
        )


class Renaming:
    """Which values of one request are which of the other, found from places where ids stand."""

    def __init__(self) -> None:
        self._texts: dict[str, str] = {}
        self._compound: list[tuple[str, str]] = []
        self._seen = _Counts()
        self._groups: dict[tuple[str, ...], _Counts] = defaultdict(_Counts)
        self._numbers: set[tuple[str, str]] = set()
        self._keys: dict[tuple[str, ...], dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
        self._given: set[str] = set()

    def learn(self, place: Place, before: Any, after: Any, *, key: bool = False) -> None:
        """What stood at one place in the two requests. `key` says that it is a new row's key."""
        if isinstance(before, str) and isinstance(after, str):
            self._learn_text(place, before, after)
        elif _is_number(before) and _is_number(after):
            self._learn_number(place, before, after, key=key)

    def _learn_text(self, place: Place, before: str, after: str) -> None:
        if before != after and place.kind in ("id", "own_id") and texts.are_generated(before, after):
            if before.isdecimal():
                self._learn_number(place, int(before), int(after), key=False)
            else:
                self._pair(before, after)
        elif (form := texts.shape(before)) is not None and form == texts.shape(after):
            self._pair(before, after)
        elif before != after and len(before) <= texts.LONGEST and len(after) <= texts.LONGEST:
            ours, theirs = texts.tokens(before), texts.tokens(after)
            if len(ours) == len(theirs):
                for (_, one), (_, other) in zip(ours, theirs, strict=True):
                    if (form := texts.shape(one)) is not None and form == texts.shape(other):
                        self._pair(one, other)
                    elif place.given and place.names and one != other and one.isdecimal() and other.isdecimal():
                        self._numbers.add((one, other))

    def _pair(self, before: str, after: str) -> None:
        self._seen.add(before, after)

    def _learn_number(self, place: Place, before: int, after: int, *, key: bool) -> None:
        one, other = str(before), str(after)
        if key:
            self._keys[place.group][one].add(other)
        given = place.given and place.names
        if place.kind in ("id", "own_id") or key or given:
            self._groups[place.group].add(one, other)
            serial = min(before, after) >= texts.SERIAL
            if before != after and (key or given or serial or place.kind == "own_id"):
                self._numbers.add((one, other))

    def candidates(self) -> set[str]:
        """What was renamed somewhere, if it was not found unchanged elsewhere."""
        return {one for one, others in self._seen.forth.items() if {*others} != {one}} | {
            one for one, _ in self._numbers
        }

    def unchanged(self, text: str) -> None:
        """A value was found unchanged somewhere."""
        if text in self._seen.forth:
            self._pair(text, text)

    def given(self, place: Place, value: Any) -> None:
        """What came in was the same in both requests: the thing of that number is no other one."""
        if place.names:
            self._given.update(text for text in names.VALUE_WORDS.findall(str(value)) if text.isdecimal())

    def settle(self) -> None:
        """Keeps the renamings that hold everywhere."""
        keys = {(one, other) for known in self._keys.values() for one, others in known.items() for other in others}
        self._numbers = {pair for pair in self._numbers if pair[0] not in self._given or pair in keys}
        for one, others in self._seen.forth.items():
            other = max(others, key=others.__getitem__)
            if other != one and self._seen.agree(one, other):
                self._texts[one] = other
        self._compound = [(one, other) for one, other in self._texts.items() if not one.isalnum()][:500]

    def holds(self, place: Place, before: Any, after: Any) -> bool:
        """Whether the one value is the other by its new name, as far as this place says what it is."""
        if isinstance(before, str) and isinstance(after, str):
            if self._texts.get(before) == after:
                return True
            if not (before.isdecimal() and after.isdecimal()):
                return False
        elif not (_is_number(before) and _is_number(after)):
            return False
        one, other = str(before), str(after)
        if (one, other) not in self._numbers:
            return False
        if place.kind in ("id", "own_id"):
            return self._is_consistent(place, one, other)
        return place.number or min(int(one), int(other)) >= texts.SERIAL

    def _is_consistent(self, place: Place, one: str, other: str) -> bool:
        keys = self._keys.get(place.group, {}).get(one)
        if keys is not None:
            # New rows' keys are sure; what else has such a name either follows them or points elsewhere.
            return other in keys
        return place.group not in self._groups or self._groups[place.group].agree(one, other)

    def holds_in_text(self, one: str, other: str) -> bool:
        return self._texts.get(one) == other or (one, other) in self._numbers

    def renamed(self, text: str) -> str:
        """A text with the ids in it that are more than one word by their new names."""
        for one, other in self._compound:
            if one in text:
                text = text.replace(one, other)
        return text

    def new_names(self, value: Any) -> list[Any]:
        """What a value may be called in the other request."""
        if isinstance(value, str) and value in self._texts:
            return [self._texts[value]]
        if _is_number(value):
            return [int(other) for one, other in self._numbers if one == str(value)]
        return []


class Judge:
    """Decides what is noise, once the renaming is known. Times are compared as they lay to the start of the request."""

    def __init__(self, renaming: Renaming, before_start_ns: int, after_start_ns: int) -> None:
        self._renaming = renaming
        self._starts = before_start_ns / 1e9, after_start_ns / 1e9

    def reason(self, place: Place, change: Change) -> Reason | None:
        """Why a difference is noise; None for one that counts."""
        if place.header in names.HEADERS or place.header.startswith("sec-"):
            return "header"
        if change.change != "changed":
            return None
        if place.kind == "run":
            return "run"
        return self.of_values(place, change.before, change.after)

    def of_values(self, place: Place, before: Any, after: Any) -> Reason | None:
        if place.kind == "code":
            return "code"
        if not _is_scalar(before) or not _is_scalar(after):
            return None
        if texts.are_alike_but_for_secrets(str(before), str(after)):
            return "secret"
        if not place.given and self._renaming.holds(place, before, after):
            return "id"
        if isinstance(before, str) and isinstance(after, str):
            if texts.shape(before) is not None and self._renaming.holds_in_text(before, after):
                return "id"
            return self._time(place, before, after) or self._text(place, before, after)
        if _is_real(before) and _is_real(after):
            return self._number(place, before, after)
        return None

    def _number(self, place: Place, before: float, after: float) -> Reason | None:
        if place.kind == "port":
            known = "peer" in names.words(place.name) or "client" in names.words(place.name)
            return "port" if known or texts.are_ephemeral(int(before), int(after)) else None
        if place.kind == "duration":
            unit = names.seconds_in(place.name)
            return "duration" if texts.is_jitter(before * unit, after * unit) else None
        return self._time(place, before, after)

    def _time(self, place: Place, before: Any, after: Any) -> Reason | None:
        days = texts.day(before), texts.day(after)
        if days[0] is not None and days[1] is not None:
            starts = [datetime.fromtimestamp(start, UTC).date() for start in self._starts]
            return "time" if days[1] - days[0] == starts[1] - starts[0] else None
        one, other = texts.moment(before), texts.moment(after)
        if one is None or other is None:
            return None
        if place.kind == "time" and isinstance(before, str):
            parts = names.words(place.name)
            if _ANY_TIME & {*parts} or (len(parts) == 1 and parts[0] in _TIMES):
                return "time"
        ours, theirs = one - self._starts[0], other - self._starts[1]
        return "time" if abs(ours - theirs) <= max(_TOLERANCE_S, 0.001 * abs(ours)) else None

    def _text(self, place: Place, before: str, after: str) -> Reason | None:
        if len(before) > texts.LONGEST or len(after) > texts.LONGEST:
            return None
        if not place.given:
            before = self._renaming.renamed(before)
            if before == after:
                return "id"
        ours, theirs = texts.tokens(before), texts.tokens(after)
        if len(ours) != len(theirs):
            return None
        found: Reason | None = None
        for (kind, one), (other_kind, other) in zip(ours, theirs, strict=True):
            if one != other:
                reason = self._token(place, kind, one, other) if kind == other_kind else None
                if reason is None:
                    return None
                found = found or reason
        return found

    def _token(self, place: Place, kind: str, one: str, other: str) -> Reason | None:
        match kind:
            case "datetime":
                return self._time(place, one, other)
            case "address":
                return "address" if texts.are_addresses(one, other) else None
            case "thread":
                return "thread"
            case "host":
                ours, theirs = one.rpartition(":"), other.rpartition(":")
                same = ours[0] == theirs[0] and texts.are_ephemeral(int(ours[2]), int(theirs[2]))
                return "port" if same else None
            case "amount":
                return "duration" if texts.is_jitter(texts.seconds(one), texts.seconds(other)) else None
            case "uuid" | "word":
                if place.given and texts.shape(one) is None:
                    return None
                return "id" if self._renaming.holds_in_text(one, other) else None
        return None


def scalars(value: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Every value inside of a JSON value that holds no others, with its path."""
    waiting: list[tuple[Path, Any]] = [(path, value)]
    while waiting:
        path, value = waiting.pop()
        if isinstance(value, dict):
            waiting.extend(((*path, key), inner) for key, inner in value.items())
        elif isinstance(value, list):
            waiting.extend(((*path, at), inner) for at, inner in enumerate(value))
        else:
            yield path, value


def _is_number(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_real(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_scalar(value: Any) -> bool:
    return isinstance(value, str) or _is_real(value)
