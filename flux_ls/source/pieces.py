"""Python text in pieces, each read on its own: a `def`, the head of a class, what stands before the first of them.

A piece is read again only when its lines change, so a file of ten thousand lines keeps up with each key; and what does
not parse hides nothing beyond its own piece. Text that parses is cut only where the tree of a piece says that the next
line goes on with the module or a class, so the pieces together read as the whole does.
"""

import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import accumulate

from msgspec import Struct
from tree_sitter import Node

from flux_ls.source.edits import Span
from flux_ls.source.grammar import parse
from flux_ls.source.indentation import indentation, width
from flux_ls.source.scopes import Scope, odd_quotes, scopes_of

_START = re.compile(r"((?:[ \t]*\f)*[ \t]*)(?:(@)|(?:async[ \t]+)?(def|class)\b)")
_MAX_JOINED_LINES = 500
"""The end of a text block that seems to hold definitions is looked for up to here."""


class Piece(Struct, frozen=True):
    """Some lines of a file; rows count from its first line."""

    context: tuple[str, ...]
    """The indentation of each class that its first line is in, outermost first."""
    following: tuple[str, ...]
    """The same for the line after its last."""
    count: int
    """How many lines it has."""
    looked: int
    """How many lines decided that, from its first on: as long as they stay, so does the piece."""
    scopes: tuple[Scope, ...]
    """In the order of the text; first the classes around it, one for each of `context`."""
    opened: int
    """The position of the class that it is the head of, or -1: the last of `following`."""
    comments: tuple[tuple[int, int], ...]
    """(row, column) of each; the column 1-based in code points."""


def pieces(lines: Sequence[str]) -> list[Piece]:
    """All lines, in pieces."""
    return list(_from(lines, 0, ()))


def pieces_after(before: Sequence[Piece], lines: Sequence[str], span: Span) -> list[Piece]:
    """The pieces of `lines`, which `span` made out of the lines that had the pieces `before`."""
    starts = [0, *accumulate([piece.count for piece in before])]
    grown = span.count - (span.last - span.first)
    # Up to where the edit begins they stay as they are, one after the other.
    stay = next((at for at, piece in enumerate(before) if starts[at] + piece.looked > span.first), len(before))
    made = list(before[:stay])
    row, context = starts[stay], made[-1].following if made else ()
    while row < len(lines):
        as_before = row if row < span.first else row - grown if row >= span.first + span.count else -1
        position = bisect_left(starts, as_before, hi=len(before))
        if position == len(before) or starts[position] != as_before:
            position = -1
        if position >= 0 and before[position].context == context and as_before >= span.last:
            return [*made, *before[position:]]
        stays = (
            position >= 0 and before[position].context == context and as_before + before[position].looked <= span.first
        )
        piece = before[position] if stays else _piece(lines, row, context)
        made.append(piece)
        row, context = row + piece.count, piece.following
    return made


def _from(lines: Sequence[str], row: int, context: tuple[str, ...]) -> Iterator[Piece]:
    while row < len(lines):
        piece = _piece(lines, row, context)
        yield piece
        row, context = row + piece.count, piece.following


class _Cut(Struct):
    """A row where a piece may end: one that starts a definition, or the one after the last."""

    row: int
    indent: str | None
    """None after the last row."""
    decorator: bool = False


class _Reading(Struct):
    """A piece that ends at one of its cuts."""

    cut: _Cut
    scopes: list[Scope]
    comments: dict[int, int]
    quoted: frozenset[int]
    has_error: bool
    following: tuple[str, ...] | None
    """None where the cut goes through a statement."""
    opened: int


def _piece(lines: Sequence[str], row: int, context: tuple[str, ...]) -> Piece:
    broken: _Reading | None = None
    odd = (0, 0)
    narrower: int | None = None
    looked = counted = 0
    for cut in _cuts(lines, row):
        looked = cut.row + 1 - row
        wide = 0 if cut.indent is None else width(cut.indent)
        if narrower is not None and wide >= narrower:
            continue
        if any(odd):
            if looked > _MAX_JOINED_LINES:
                break
            odd, counted = odd_quotes(lines[row + counted : cut.row], odd), cut.row - row
            if any(odd):
                continue
        reading = _read(lines[row : cut.row], context, cut)
        if not reading.has_error:
            if reading.following is not None:
                return _made(reading, context, row, looked)
            narrower = wide
        elif broken is None:
            broken = reading
            # A block of text may hold the line that looked like a definition, and an `@` may multiply.
            odd, counted = odd_quotes(lines[row : cut.row]), cut.row - row
            if not any(odd) and not cut.decorator:
                break
        else:
            if broken.cut.row - row in reading.quoted and reading.following is not None:
                broken = reading
            break
    assert broken is not None
    return _made(broken, context, row, looked)


def _made(reading: _Reading, context: tuple[str, ...], row: int, looked: int) -> Piece:
    assert reading.following is not None
    return Piece(
        context=context,
        following=reading.following,
        count=reading.cut.row - row,
        looked=looked,
        scopes=tuple(reading.scopes),
        opened=reading.opened,
        comments=tuple(sorted(reading.comments.items())),
    )


def _cuts(lines: Sequence[str], row: int) -> Iterator[_Cut]:
    """Where the piece that begins at `row` may end, in order.

    Within a `def` that is no further right than the `def` itself, within the head of a class anywhere.
    """
    start = _START.match(lines[row])
    own = width(start[1]) if start else 0
    decorated = start is not None and start[2] is not None
    in_class = start is not None and start[3] == "class"
    for at in range(row + 1, len(lines)):
        found = _START.match(lines[at])
        if not found:
            continue
        wide = width(found[1])
        if decorated and wide == own:
            decorated = found[2] is not None
            in_class = found[3] == "class"
        elif in_class or wide <= own:
            yield _Cut(at, found[1], found[2] is not None)
    yield _Cut(len(lines), None)


def _read(lines: Sequence[str], context: tuple[str, ...], cut: _Cut) -> _Reading:
    # The heads of the classes around it, then the piece, then a statement that shows where the piece leaves off.
    whole = [*(f"{indent}class _:" for indent in context), *lines]
    text = "\n".join(whole)
    root = parse(text if cut.indent is None else f"{text}\n{cut.indent}pass\n")[1].root_node
    held = scopes_of(root, whole)
    scopes = held.scopes
    depth = len(context)
    if not cut.indent:
        open_rows: list[int] | None = []
    elif root.has_error:
        open_rows = _open_by_indentation(whole, scopes, context, cut.indent)
    else:
        open_rows = _open_in_tree(root, len(whole), cut.indent)
    following: tuple[str, ...] | None = None
    opened = -1
    if open_rows is not None:
        kept = [row for row in open_rows if row < depth]
        own = [row for row in open_rows if row >= depth]
        if len(own) <= 1:
            following = (*context[: len(kept)], *(indentation(whole[row]) for row in own))
            opened = next((at for at, scope in enumerate(scopes) if scope.kind == "class" and scope.row in own), -1)
    return _Reading(
        cut=cut,
        scopes=[_higher(scope, depth) for scope in scopes],
        comments={row - depth: column for row, column in held.comments.items()},
        quoted=frozenset(row - depth for row in held.quoted),
        has_error=root.has_error,
        following=following,
        opened=opened,
    )


def _open_in_tree(root: Node, row: int, indent: str) -> list[int] | None:
    """The rows of the classes whose bodies go on with the statement there; None where it goes on with another body."""
    point = (row, len(indent))
    node = root.named_descendant_for_point_range(point, point)
    rows: list[int] = []
    while node is not None and node.parent is not None:
        node = node.parent
        if node.type == "class_definition":
            rows.append(node.start_point.row)
        elif node.type not in ("block", "decorated_definition", "module"):
            return None
    return rows[::-1]


def _open_by_indentation(
    lines: Sequence[str], scopes: Sequence[Scope], context: tuple[str, ...], indent: str
) -> list[int]:
    wide = width(indent)
    rows = [row for row, outer in enumerate(context) if width(outer) < wide]
    if len(scopes) > len(context) and (head := scopes[len(context)]).kind == "class" and width(lines[head.row]) < wide:
        rows.append(head.row)
    return rows


def _higher(scope: Scope, rows: int) -> Scope:
    return Scope(
        scope.name,
        scope.kind,
        scope.first_row - rows,
        scope.row - rows,
        scope.header_row - rows,
        scope.last_row - rows,
        scope.name_column,
        scope.name_end_column,
        scope.around,
        scope.owner,
    )
