"""What the traced runs of both ends tell: which code ran, how the two differ, and whether it was the revisions'."""

from pathlib import Path

from msgspec import Struct

from flux_ls.bisect.runs import Finished
from flux_ls.bisect.shapes import NotPossible
from flux_ls.bisect.weights import Ran, ran_in


class Looked(Struct, frozen=True):
    ran: Ran | None
    notes: tuple[str, ...]


def look_at(bad: Finished, good: Finished | None, checkout: Path, *, recorded: bool) -> Looked:
    """`recorded` is whether a recording tells what ran, should the runs tell nothing. Raises NotPossible."""
    traced = bad.said.traced
    ran: Ran | None = None
    notes: list[str] = []
    if traced is None or not traced.calls:
        if not recorded:
            told = (
                "nothing of the revision"
                if traced is not None
                else "no Python, one that hears of no PYTHONPATH, or one that minds being traced"
            )
            notes.append(f"which functions ran cannot be told (the command ran {told}): all commits count the same")
    else:
        before = good.said.traced if good is not None else None
        ran = ran_in(traced, before, bad.texts, good.texts if good is not None else {}, bad.said.told)
    for name, file in (traced.elsewhere if traced is not None else {}).items():
        if Path(file).is_relative_to(checkout):
            raise NotPossible(f"{name} was imported from your checkout ({file}), not from the revision that was tried")
        notes.append(f"{name} was imported from {file}, not from the revision that was tried")
    return Looked(ran, tuple(notes))
