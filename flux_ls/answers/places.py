"""Where what was recorded is today, as links of the chain: the file, the commit that ran, the line."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from flux_ls.answers.shapes import Check
from flux_ls.model import LocatedFrame, Request
from flux_ls.source.recorded_path import read_path
from flux_ls.source.workspace import Workspace

_MOST_PAIRS = 5
_AGAIN = "send the request again with today's code"
_WHERE = "in [tool.flux] of pyproject.toml"


def check_paths(workspace: Workspace, located: Sequence[LocatedFrame]) -> Check:
    """Of some locations, or of the only one."""
    if not located:
        return Check("paths", True, "no location to look for yet")
    unmapped = [place for place in located if place.anchor == "unmapped"]
    if len(unmapped) == len(located):
        return _not_here(unmapped[0])
    if len(located) == 1:
        (place,) = located
        recorded = place.frame.path
        same = " as recorded" if place.path == recorded else f", recorded as {recorded}"
        detail = f"{place.display_path}{same}"
    else:
        more = f"; not here: {', '.join(sorted({_folder(place.frame.path) for place in unmapped}))}" if unmapped else ""
        detail = f"of {len(located)} locations, {len(located) - len(unmapped)} in this workspace{more}"
    learned, mend = _learned(workspace, located)
    return Check("paths", True, f"{detail}{learned}", mend)


def check_revision(workspace: Workspace, requests: Iterable[Request], located: Iterable[LocatedFrame]) -> Check:
    """Whether it is known what ran. Broken where no place is surely known because it is not."""
    ours = [place for place in located if place.anchor != "unmapped" or place.candidates]
    lacking = [(place, why) for place in ours if (why := workspace.unknown(place.frame)) is not None]
    unsure = [(place, why) for place, why in lacking if place.anchor not in ("exact", "moved")]
    if lacking:
        _, why = (unsure or lacking)[0]
        detail, mend = told_apart(why)
        if len(unsure) == len(ours):
            return Check("revision", False, detail, mend)
        return Check("revision", True, f"{detail}; lines are known by their text alone", mend)
    services = {request.service for request in requests if request.revision is None}
    if not services:
        return Check("revision", True, "every service says which commit it runs")
    return Check(
        "revision",
        True,
        f"not recorded by {', '.join(sorted(services))}: lines are tied to today's code by function and text alone",
        "OTEL_RESOURCE_ATTRIBUTES=vcs.ref.head.revision=$(git rev-parse HEAD)",
    )


def check_line(located: Sequence[LocatedFrame]) -> Iterable[Check]:
    """Of those whose file is here; nothing of those that have none."""
    here = [place for place in located if place.anchor != "unmapped"]
    if not here:
        return
    shown = [place for place in here if place.anchor != "gone"]
    if not shown:
        yield _gone(here[0])
    elif len(here) == 1:
        yield _line(shown[0])
    else:
        faded = sum(place.anchor == "edited" for place in shown)
        more = f", {faded} of them faded, for their lines were edited since" if faded else ""
        yield Check("line", True, f"of {len(here)} locations in files that are here, {len(shown)} shown{more}")


def told_apart(message: str) -> tuple[str, str | None]:
    """What is wrong, and what to do about it, which messages say after their last colon."""
    wrong, colon, mend = message.rpartition(": ")
    return (wrong, mend) if colon else (message, None)


def _line(located: LocatedFrame) -> Check:
    where, recorded = f"{located.display_path} line {located.line}", located.frame.line
    if located.anchor == "exact":
        return Check("line", True, f"{where}, the text that ran")
    if located.anchor == "moved":
        return Check("line", True, f"{where}, moved from line {recorded}")
    return Check("line", True, f"{where}, edited since line {recorded} was recorded: shown faded")


def _gone(located: LocatedFrame) -> Check:
    reason = located.reason or "the code is gone from today's file"
    detail, git, command = reason.rpartition(": git ")
    if git and not detail.endswith("in this clone"):
        return Check("line", False, detail, f"git {command}")
    return Check("line", False, reason, _AGAIN)


def _not_here(located: LocatedFrame) -> Check:
    recorded, candidates = located.frame.path, located.candidates
    reason = located.reason or "no file of this workspace fits"
    if candidates:
        reason += f" ({', '.join(candidates)})"
    detail = f"{recorded} is not in this workspace: {reason}"
    return Check("paths", False, detail, _pair_of(recorded, candidates) if candidates else _pair_for(recorded))


def _learned(workspace: Workspace, located: Iterable[LocatedFrame]) -> tuple[str, str | None]:
    """The pairs that were learned of the folders of some locations, and that they could be written down."""
    recorded = [path for place in located if (path := read_path(place.frame.path)) is not None]
    pairs = [
        (pair.prefix, workspace.display_path(pair.folder))
        for pair in workspace.learned()
        if (prefix := read_path(pair.prefix)) is not None and any(path.follows(prefix) for path in recorded)
    ][:_MOST_PAIRS]
    if not pairs:
        return "", None
    told = ", ".join(f"{prefix} is {'this folder' if folder == '.' else folder}" for prefix, folder in pairs)
    written = ", ".join(_pair(prefix, folder) for prefix, folder in pairs)
    return f"; learned: {told}", f"to be sure of it from the start, set path_map = [{written}] {_WHERE}"


def _pair_of(recorded: str, candidates: Sequence[str]) -> str:
    """The `path_map` that would have meant the first of the files that fit."""
    theirs, ours = recorded.replace("\\", "/").split("/"), candidates[0].replace("\\", "/").split("/")
    common = 0
    while common < min(len(theirs), len(ours)) and theirs[-1 - common] == ours[-1 - common]:
        common += 1
    # A pair says nothing without a folder that was recorded.
    while common and not any(theirs[: len(theirs) - common]):
        common -= 1
    there, here = "/".join(theirs[: len(theirs) - common]), "/".join(ours[: len(ours) - common]) or "."
    return f"say which one is meant: path_map = [{_pair(there, here)}] {_WHERE}"


def _pair_for(recorded: str) -> str:
    """What would find a file of which nothing here has the name."""
    parts = recorded.replace("\\", "/").split("/")
    if Path(recorded).is_absolute() and Path(recorded).is_file():
        return f"open {Path(recorded).parent} as well, or ask there"
    top = "/".join(parts[:-1]) if len(parts) <= 3 else "/".join(parts[:3])
    if not top:
        return "open the folder that it is in as well, or ask there"
    return f"if {top} is the code of this folder, set path_map = [{_pair(top, '.')}] {_WHERE}; " + (
        "if it is another project's, ask there"
    )


def _pair(there: str, here: str) -> str:
    return '"' + f"{there}={here}".replace("\\", "/").replace('"', '\\"') + '"'


def _folder(path: str) -> str:
    return path.rpartition("/")[0] or path.rpartition("\\")[0] or path
