"""Where each issue is in today's text: found again when its files, its texts or what is known of it change."""

import logging
import os
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from flux_ls.lsp.held import Held
from flux_ls.lsp.known_issues import KnownIssues
from flux_ls.lsp.open_files import Buffer, OpenFiles
from flux_ls.lsp.snapshot import FIXED_FOR_NS, Finding, Place, Snapshot, files, still_fixed
from flux_ls.lsp.suspected import Suspected
from flux_ls.model import Issue, LocatedFrame
from flux_ls.source.workspace import Workspace

log = logging.getLogger(__name__)

SHOWN = ("exact", "moved", "edited")


class Placing:
    """For one thread. The workspace alone is looked at by others too, under `lock`."""

    def __init__(self, known: KnownIssues) -> None:
        self.lock = threading.Lock()
        self.workspace = Workspace(())
        self.suspected = Suspected()
        self._known = known
        self._open = OpenFiles()
        self._found: dict[int, Finding] = {}
        self._fixed: dict[int, Finding] = {}
        self._held = Held()
        self._unplaced: dict[int, str] = {}
        self._paths: dict[int, set[str]] = {}
        """The files that each issue depends on."""
        self._issues_of_path: dict[str, set[int]] = defaultdict(set)
        self._lines: dict[str, Sequence[str]] = {}
        """By path, of the files that the findings being placed are in."""
        self._stamps: dict[str, tuple[int, int] | None] = {}
        self._learned = (0, 0)
        """What the workspace had learned when the places were found."""

    # What happens to files.

    def move_to(self, roots: tuple[Path, ...], path_map: tuple[str, ...]) -> None:
        """Other folders are looked into from now on."""
        with self.lock:
            self.workspace = Workspace(
                roots,
                path_map=path_map,
                overlay=self._open.overlay,
                others=lambda: [frame for issue in list(self._known.by_id.values()) for frame in issue.failure.frames],
            )

    def refresh(self) -> None:
        with self.lock:
            self.workspace.refresh()

    def forget(self, path: str) -> None:
        with self.lock:
            self.workspace.forget(Path(path))

    def take_buffer(self, buffer: Buffer) -> set[int]:
        """The issues that have to be looked at again."""
        stays: dict[str, Callable[[int], bool] | None] = {}
        with self.lock:
            before = self._open.take(buffer)
            if before is not None and before.text is not None and buffer.text is not None and buffer.edits is not None:
                for key in {buffer.path, os.path.realpath(buffer.path)}:
                    stays[key] = self.workspace.edited(Path(key), before.text, buffer.text, buffer.edits)
        return {issue_id for issue_id in self.of_file(buffer.path) if self._moves(issue_id, stays)}

    def of_file(self, path: str) -> set[int]:
        """The issues that depend on a file, and those that could be found there."""
        at = self._issues_of_path.get(path, set()) | self._issues_of_path.get(os.path.realpath(path), set())
        return at | self._unplaced_named(path)

    def unplaced(self) -> set[int]:
        return set(self._unplaced)

    def changed_on_disk(self) -> set[int]:
        changed: set[int] = set()
        for path, issue_ids in list(self._issues_of_path.items()):
            if not issue_ids:
                del self._issues_of_path[path]
                self._stamps.pop(path, None)
            elif path in self._stamps and self._stamps[path] != (stamp := _stamp(path)):
                if self._stamps[path] is None:
                    self.forget(path)  # It is back.
                self._stamps[path] = stamp
                changed |= issue_ids
        return changed

    def _moves(self, issue_id: int, stays: Mapping[str, Callable[[int], bool] | None]) -> bool:
        """Whether edits may have moved, changed or brought back one of an issue's places; `stays` tells it of lines."""
        found = self._found.get(issue_id)
        if not stays or found is None or len(found.trail) < len(found.issue.failure.frames):
            return True
        for place in (found.place, *found.trail):
            path, line = place.located.path, place.located.line
            undisturbed = stays.get(path or "", _always)
            if undisturbed is None or not undisturbed(line):
                return True
        return False

    def _unplaced_named(self, path: str) -> set[int]:
        name = Path(path).name
        return {
            issue_id
            for issue_id in self._unplaced
            if (issue := self._known.by_id.get(issue_id)) is not None
            and issue.failure.location is not None
            and issue.failure.location.path.replace("\\", "/").endswith(name)
        }

    # One issue.

    def has_learned(self) -> bool:
        """Whether the workspace knows more than when the places were found."""
        return self.workspace.progress() != self._learned

    def place(self, issue_ids: set[int]) -> None:
        """Finds the places of issues in today's text again."""
        known = self._known.by_id
        with self.workspace.look():
            self._lines.clear()
            for issue_id in issue_ids:
                self._place(issue_id)
            before, (gained, lost) = self._learned, self.workspace.progress()
            if (gained, lost) != before:
                # The files of some said where those of others are, or that these are not where it seemed.
                for issue_id in list(known if lost != before[1] else self._unplaced):
                    self._place(issue_id)
                self._learned = self.workspace.progress()
        groups = {issue.failure.fingerprint for id in issue_ids if (issue := known.get(id)) is not None}
        with self.lock:
            self.suspected.look(groups, self._found.values(), self.workspace)

    def _place(self, issue_id: int) -> None:
        shown = self._found.pop(issue_id, None) or self._fixed.pop(issue_id, None)
        self._unplaced.pop(issue_id, None)
        before = self._paths.pop(issue_id, set())
        for path in before:
            self._issues_of_path[path].discard(issue_id)
        issue = self._known.by_id.get(issue_id)
        if issue is None or issue.count <= 0 or issue.dismissed:
            self._known.forget_proof(issue_id)
            self._held.drop(issue_id)
            return
        try:
            with self.lock:
                self._place_known(issue)
        except Exception:
            log.exception("the place of issue %s could not be found", issue_id)
            self._unplaced[issue_id] = "its place could not be found, see the log of the language server"
        if issue_id in self._unplaced:
            # A file that is gone may come back: with the next checkout, say.
            self._depends_on(issue_id, before | self._paths.get(issue_id, set()))
        if issue_id in self._found or issue_id in self._fixed:
            self._held.drop(issue_id)
        elif shown is not None and (shown.proof is not None) == self._known.is_proven(issue):
            self._held.hold(shown)

    def _place_known(self, issue: Issue) -> None:
        stands = self._known.standing(issue, self.workspace)
        resolved = stands.proof is not None
        if stands.proof is not None and time.time_ns() - stands.proof.at_ns > FIXED_FOR_NS:
            return
        location = issue.failure.location
        if location is None and resolved:
            return
        if location is None:
            self._unplaced[issue.id] = issue.failure.location_reason or "no code of yours in the stack trace"
            return
        located = self.workspace.locate(location, issue.last_seen_ns)
        trail = [
            located if frame == location else self.workspace.locate(frame, issue.last_seen_ns)
            for frame in issue.failure.frames
        ]
        self._depends_on(issue.id, {each.path for each in (located, *trail) if each.path is not None})
        place = self._placed(located)
        if place is not None:
            (self._fixed if resolved else self._found)[issue.id] = Finding(
                issue=issue,
                state=stands.state,
                stale=False,
                place=place,
                trail=tuple(step for each in trail if (step := self._placed(each)) is not None),
                function_text=None
                if located.path is None or located.function_line is None
                else self._line(located.path, located.function_line),
                proof=stands.proof,
                trial=None if resolved else self._known.trial_of(issue, self.workspace),
            )
        elif located.anchor != "gone" and not resolved:
            self._unplaced[issue.id] = located.reason or located.anchor

    def _depends_on(self, issue_id: int, paths: set[str]) -> None:
        """From now on a change of these files leads to another look at the issue."""
        self._paths[issue_id] = paths
        for path in paths:
            self._issues_of_path[path].add(issue_id)
            if path not in self._stamps:
                self._stamps[path] = _stamp(path)

    def _placed(self, located: LocatedFrame) -> Place | None:
        if located.path is None or located.anchor not in SHOWN:
            return None
        return Place(located, self._open.uri(located.path), self._line(located.path, located.line))

    def _line(self, path: str, line: int) -> str:
        lines = self._lines.get(path)
        if lines is None:
            lines = self._lines[path] = self.workspace.lines(Path(path))
        return lines[line - 1] if 1 <= line <= len(lines) else ""

    # All of them.

    def snapshot(self, handled: tuple[tuple[str, bool], ...]) -> Snapshot:
        """What each file has to show now. `handled` has the folders, and whether they show handled errors."""
        with self.lock:
            held = [
                each
                for each in self._held.still(self._open.by_path, self.workspace.lines)
                if not _hidden(each, handled)
            ]
        return Snapshot(
            files=files(
                found=(finding for finding in self._found.values() if not _hidden(finding, handled)),
                fixed=still_fixed(self._fixed.values(), self._known.by_id.values()),
                held=held,
                versions=self._open.versions(),
                now_ns=time.time_ns(),
                suspects=self.suspected.by_file(self._open.uri),
            ),
            failing=sum(
                not self._known.by_id[issue_id].failure.handled for issue_id in (*self._found, *self._unplaced)
            ),
            unplaced=tuple(
                (self._known.by_id[issue_id], reason)
                for issue_id, reason in sorted(self._unplaced.items())
                if not self._known.by_id[issue_id].failure.handled
            ),
        )


def _hidden(finding: Finding, handled: tuple[tuple[str, bool], ...]) -> bool:
    """The first folder that holds it decides."""
    if finding.state != "handled":
        return False
    path = Path(finding.place.located.path or "")
    return not next((shown for folder, shown in handled if path.is_relative_to(folder)), True)


def _always(line: int) -> bool:
    return True


def _stamp(path: str) -> tuple[int, int] | None:
    try:
        status = Path(path).stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size
