"""What the traced runs of both ends tell: which code ran, how the two differ, and whether it was the revisions'."""

from pathlib import Path

from msgspec import Struct

from flux_ls.bisect.executed import Executed
from flux_ls.bisect.shapes import NotPossible
from flux_ls.bisect.weights import Ran, ran_in


class Looked(Struct, frozen=True):
    ran: Ran | None
    notes: tuple[str, ...]


def hold_apart(executed: Executed, checkout: Path) -> None:
    """Raises NotPossible where a run had its modules from the user's checkout."""
    for name, file in executed.elsewhere.items():
        if Path(file).is_relative_to(checkout):
            raise NotPossible(f"{name} was imported from your checkout ({file}), not from the revision that was tried")


def look_at(bad: Executed | None, good: Executed | None, *, recorded: bool) -> Looked:
    """`recorded` is whether a recording tells what ran, should the runs tell nothing."""
    ran: Ran | None = None
    notes: list[str] = []
    if bad is None or not bad.anything:
        if not recorded:
            told = (
                "nothing of the revision"
                if bad is not None
                else "no Python, one that hears of no PYTHONPATH, or one that minds being traced"
            )
            notes.append(f"which functions ran cannot be told (the command ran {told}): all commits count the same")
    else:
        ran = ran_in(bad, good)
    for name, file in (bad.elsewhere if bad is not None else {}).items():
        notes.append(f"{name} was imported from {file}, not from the revision that was tried")
    return Looked(ran, tuple(notes))
