"""The scopes of a text that is read in pieces, by name and by the classes they are in, without their lines: most edits
leave that alone, and others change it only where they are.
"""

from collections import defaultdict
from collections.abc import Sequence

from flux_ls.source.pieces import Piece

_Open = tuple[int, ...]
"""The classes that are open somewhere, outermost first."""


class Outline:
    """Scopes are told by their positions, in the order of the text."""

    def __init__(self) -> None:
        self.names: list[str] = []
        """Qualified."""
        self.starts: list[int] = [0]
        """Of each piece the position of its first scope, and at last how many there are."""
        self.ends: dict[int, tuple[int, int]] = {}
        """For a class with several pieces the last of these, and where the class stands among the scopes of that."""
        self.opens: list[_Open] = [()]
        """The classes that are open before each piece, and after the last."""
        self._by_bare: dict[str, list[int]] | None = None
        """By the last part of the name, once somebody has asked."""
        self._named: dict[str, list[int]] = {}

    @classmethod
    def of(cls, pieces: Sequence[Piece]) -> "Outline":
        outline = cls()
        outline._read(pieces, 0, len(pieces))
        return outline

    def named(self, name: str) -> list[int]:
        """The scopes of that name, bare (`method`) or qualified as far as is known."""
        found = self._named.get(name)
        if found is None:
            if self._by_bare is None:
                self._by_bare = _by_bare(self.names, range(len(self.names)))
            ending, names = f".{name}", self.names
            found = self._named[name] = [
                position
                for position in self._by_bare.get(_bare(name), ())
                if names[position] == name or names[position].endswith(ending)
            ]
        return found

    def after(self, before: Sequence[Piece], now: Sequence[Piece]) -> "Outline":
        """The outline of the pieces `now`, some of which an edit has put for some of those before; itself if it is the
        same."""
        shorter = min(len(before), len(now))
        head = next((at for at in range(shorter) if before[at] is not now[at]), shorter)
        tail = next((at for at in range(shorter - head) if before[-1 - at] is not now[-1 - at]), shorter - head)
        stop, was_stop = len(now) - tail, len(before) - tail
        if stop == was_stop and all(_shape(before[at]) == _shape(now[at]) for at in range(head, stop)):
            return self
        made = Outline()
        first, rest = self.starts[head], self.starts[was_stop]
        made.names = self.names[:first]
        made.starts, made.opens = self.starts[: head + 1], self.opens[: head + 1]
        made.ends = {position: end for position, end in self.ends.items() if end[0] < head}
        for level, position in enumerate(self.opens[head]):
            # One that went on beyond goes on up to here at least.
            if head and position in self.opens[head - 1]:
                made.ends[position] = (head - 1, level)
        made._read(now, head, stop)
        opened, was = made.opens[-1], self.opens[was_stop]
        if [made.names[each] for each in opened] != [self.names[each] for each in was]:
            # What follows is in other classes.
            made._read(now, stop, len(now))
            return made
        made._go_on_as(self, was_stop, stop - was_stop, dict(zip(was, opened, strict=True)))
        if self._by_bare is not None:
            shift = made.starts[stop] - rest
            made._by_bare = {
                bare: [each if each < first else each + shift for each in found if each < first or each >= rest]
                for bare, found in self._by_bare.items()
            }
            for bare, found in _by_bare(made.names, range(first, made.starts[stop])).items():
                made._by_bare[bare] = sorted([*made._by_bare.get(bare, ()), *found])
        return made

    def _read(self, pieces: Sequence[Piece], first: int, stop: int) -> None:
        """Goes on with some pieces."""
        names = self.names
        opened = self.opens[-1]
        for number in range(first, stop):
            piece = pieces[number]
            depth = len(piece.context)
            for level, position in enumerate(opened):
                self.ends[position] = (number, level)
            shift = len(names) - depth
            for scope in piece.scopes[depth:]:
                owner = scope.owner
                if owner >= 0:
                    owner = opened[owner] if owner < depth else owner + shift
                names.append(f"{names[owner]}.{scope.name}" if owner >= 0 else scope.name)
            kept = len(piece.following) - (piece.opened >= 0)
            opened = opened[:kept] if piece.opened < 0 else (*opened[:kept], piece.opened + shift)
            self.starts.append(len(names))
            self.opens.append(opened)

    def _go_on_as(self, before: "Outline", was_stop: int, further: int, classes: dict[int, int]) -> None:
        """With the pieces from `was_stop` on as they were before, which are so much further; `classes` are those that
        are open there, by their positions before."""
        rest = before.starts[was_stop]
        shift = self.starts[-1] - rest
        self.names += before.names[rest:]
        if not shift and all(was == now for was, now in classes.items()):
            self.starts += before.starts[was_stop + 1 :]
            self.opens += before.opens[was_stop + 1 :]
        else:
            self.starts += [each + shift for each in before.starts[was_stop + 1 :]]
            self.opens += [
                tuple([classes[each] if each < rest else each + shift for each in opened])
                for opened in before.opens[was_stop + 1 :]
            ]
        for position, (number, level) in before.ends.items():
            if number >= was_stop:
                self.ends[position + shift if position >= rest else classes[position]] = (number + further, level)


def _shape(piece: Piece) -> tuple[object, ...]:
    scopes = tuple((scope.name, scope.owner) for scope in piece.scopes)
    return len(piece.context), len(piece.following), piece.opened, scopes


def _bare(name: str) -> str:
    return name.rpartition(".")[2]


def _by_bare(names: Sequence[str], positions: range) -> dict[str, list[int]]:
    found: dict[str, list[int]] = defaultdict(list)
    for position in positions:
        found[_bare(names[position])].append(position)
    return dict(found)
