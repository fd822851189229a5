"""Which requests ran the code of another project than the one that is asked in: one store holds those of all."""

from collections.abc import Iterable
from pathlib import Path

from flux_ls.analysis.route import handler_of
from flux_ls.model import Frame, Request
from flux_ls.source.workspace import Workspace
from flux_ls.store.reader import Reader


def parted(
    reader: Reader, workspace: Workspace, requests: Iterable[Request]
) -> tuple[list[Request], dict[Path, list[Request]]]:
    """Those that may be this project's, and the others by the file of their handler.

    Another's is only what surely is: its handler is in a file of this machine outside of the workspace, and no file of
    the same name is in its place here, as in another clone of one project.
    """
    ours: list[Request] = []
    others: dict[Path, list[Request]] = {}
    known: dict[str, bool] = {}
    for request in requests:
        entry, _ = reader.entry_and(request.id)
        handler = handler_of(entry)
        if handler is None:
            ours.append(request)
            continue
        if handler.path not in known:
            known[handler.path] = _is_elsewhere(workspace, handler, request)
        if known[handler.path]:
            others.setdefault(Path(handler.path), []).append(request)
        else:
            ours.append(request)
    return ours, others


def _is_elsewhere(workspace: Workspace, handler: Frame, request: Request) -> bool:
    path = Path(handler.path)
    if not path.is_absolute() or not path.is_file():
        return False
    if workspace.locate(handler, request.ended_ns).anchor != "unmapped":
        return False
    endings = ("/".join(path.parts[at:]) for at in range(1, len(path.parts)))
    return not any(workspace.absolute(ending) for ending in endings)


def in_words(others: dict[Path, list[Request]]) -> str:
    """`24 requests ran the code of another project (/srv/shop/app.py): ask there`."""
    count = sum(map(len, others.values()))
    first = next(iter(others))
    what = "1 request ran" if count == 1 else f"{count:,} requests ran"
    more = " and elsewhere" if len(others) > 1 else ""
    return f"{what} the code of another project ({first}{more}): ask there"
