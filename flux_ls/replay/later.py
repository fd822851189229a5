"""What later requests committed to the rows that a request wrote: it lies on top of that, and goes first.

A request is taken whole, with its other rows, and so is who wrote to those after it: a row that only a part of is put
back would be one that never was.
"""

from collections.abc import Iterable, Iterator, Sequence, Set
from typing import Final

from flux_ls.analysis.row_key import identity
from flux_ls.replay.rows import Written, spare, written
from flux_ls.store.reader import Reader

MOST_SPARE: Final = 2000
"""Changes of rows that may refer to a row that goes."""
MOST_REQUESTS: Final = 200
"""How many are read, of a row that is written by every request, say. The rows that they leave say so themselves."""


def later(reader: Reader, changes: Sequence[Written]) -> tuple[Written, ...]:
    """Of requests that are not among those of `changes`, in no order; and what may refer to rows of theirs."""
    waiting = list(changes)
    known = {change.request_id for change in waiting}
    looked_at: dict[tuple[str, str], int] = {}
    found: list[Written] = []
    left = MOST_REQUESTS
    while waiting and left:
        change = waiting.pop()
        row = change.table, identity(change.shown_key)
        if change.why_not or not row[1] or looked_at.get(row, change.committed_ns + 1) <= change.committed_ns:
            continue
        looked_at[row] = change.committed_ns
        for other in reader.rows().history(*row):
            if other.change.at_ns < change.committed_ns or not left:
                break
            if other.change.outcome == "rolled_back" or other.request.id in known:
                continue
            known.add(other.request.id)
            left -= 1
            theirs = written(reader.spans(other.request.id))
            more = [each for each in theirs if each.committed_ns > change.committed_ns and each.is_beside(change)]
            found += more
            waiting += more
    return (*found, *_spare(reader, [*changes, *found], known))


def _spare(reader: Reader, changes: Iterable[Written], known: Set[str]) -> Iterator[Written]:
    """What all others wrote since a row was made that will go: an order that somebody placed, say."""
    since = min((change.committed_ns for change in changes if change.operation == "insert"), default=None)
    if since is None:
        return
    left = MOST_SPARE
    for table in reader.rows().tables():
        for other in reader.rows().recent(table):
            if other.change.at_ns < since or not left:
                break
            if other.request.id in known or other.change.outcome == "rolled_back":
                continue
            left -= 1
            yield spare(other.change, other.request.service)
