"""The worker that ties the store's issues to today's text, and hands out what each file has to show.

One thread owns the workspace and does everything that reads files. It takes news of the store, edits and
settings from a queue, works off all that has gathered, and hands out a new snapshot. The event loop only ever looks
at the latest one.
"""

import logging
import os
import queue
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from flux_ls.analysis.route import route_name
from flux_ls.answers.state import Standing, standing
from flux_ls.lsp.convert import path_to_uri
from flux_ls.lsp.held import Held
from flux_ls.lsp.snapshot import FIXED_FOR_NS, Finding, Place, Snapshot, files, still_fixed
from flux_ls.lsp.suspected import Suspected
from flux_ls.lsp.suspects import Suspicion
from flux_ls.lsp.trials import Trial, by_group, still_holds
from flux_ls.lsp.watch import News
from flux_ls.model import Issue, LocatedFrame, Proof, Request
from flux_ls.source.edits import Edit
from flux_ls.source.workspace import Workspace

log = logging.getLogger(__name__)

LOOK_AT_FILES_EVERY_S = 1.0
"""How soon a file that changes on disk without the editor is noticed."""
LOOK_FOR_FILES_EVERY_S = 30.0
"""How soon a file that was missing is found, when the editor did not open it."""
SHOWN = ("exact", "moved", "edited")


class Buffer(Struct, frozen=True):
    """The text of an open file; None of `text` when it was closed."""

    uri: str
    path: str
    version: int | None
    text: str | None
    edits: tuple[Edit, ...] | None = None
    """What made it of the text before; None where that is not known."""


class Surroundings(Struct, frozen=True):
    """Where files are looked for, and whether handled errors are shown in a file."""

    roots: tuple[Path, ...] = ()
    path_map: tuple[str, ...] = ()
    hides_handled: tuple[str, ...] = ()
    """Folders whose settings hide handled errors."""


class Touched(Struct, frozen=True):
    """A file was saved: look at it now."""

    path: str


class Tried(Struct, frozen=True):
    """Requests were replayed."""

    trials: tuple[Trial, ...]


_Message = News | Buffer | Surroundings | Touched | Tried | Suspicion | Future[None] | None


class Findings:
    """The worker. Everything public may be called from any thread; the hooks are called in the worker's.

    `on_mended` gets issues that were seen mended just now, which the store does not know yet.
    """

    def __init__(
        self, on_snapshot: Callable[[Snapshot], None], on_mended: Callable[[list[tuple[Issue, Proof]]], None]
    ) -> None:
        self._on_snapshot = on_snapshot
        self._on_mended = on_mended
        self._messages: queue.SimpleQueue[_Message] = queue.SimpleQueue()
        self._workspace_lock = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="flux-findings", daemon=True)
        self._issues: dict[int, Issue] = {}
        self._found: dict[int, Finding] = {}
        self._fixed: dict[int, Finding] = {}
        self._held = Held()
        self._unplaced: dict[int, str] = {}
        self._proofs: dict[int, tuple[int, Proof]] = {}
        """What was seen to show issues mended, with their last failure, until the store tells it."""
        self._mended: list[tuple[Issue, Proof]] = []
        """What is to be handed out of it."""
        self._trials: dict[str, Trial] = {}
        """The latest of each issue group."""
        self._suspected = Suspected()
        self._paths: dict[int, set[str]] = {}
        """The files that each issue depends on."""
        self._issues_of_path: dict[str, set[int]] = defaultdict(set)
        self._issues_of_route: dict[tuple[str, str], set[int]] = defaultdict(set)
        self._buffers: dict[str, Buffer] = {}
        """By path, and by the path behind its links: the text that counts there."""
        self._opened: dict[str, tuple[Buffer, str]] = {}
        """By URI, the latest last, with the path behind the links: one file may be open under several."""
        self._overlay: dict[Path, str] = {}
        self._lines: dict[str, Sequence[str]] = {}
        """By path, of the files that the findings being placed are in."""
        self._stamps: dict[str, tuple[int, int] | None] = {}
        self._surroundings = Surroundings()
        self._workspace = Workspace(())
        self._learned = (0, 0)
        """What the workspace had learned when the places were found."""
        self._snapshot: Snapshot | None = None
        self.took_s = 0.0
        """How long it took to bring the findings up to date last time."""

    def start(self) -> None:
        self._thread.start()

    def put(self, message: News | Buffer | Surroundings | Touched | Tried | Suspicion) -> None:
        self._messages.put(message)

    def settled(self) -> Future[None]:
        """Done when all that was put before is in a snapshot that was handed out."""
        done: Future[None] = Future()
        self._messages.put(done)
        return done

    def stop(self) -> None:
        self._messages.put(None)

    def join(self, timeout: float) -> bool:
        self._thread.join(timeout)
        return not self._thread.is_alive()

    @contextmanager
    def workspace(self) -> Iterator[Workspace]:
        """The workspace, for a question; the worker waits meanwhile."""
        with self._workspace_lock:
            yield self._workspace

    # The thread.

    def _run(self) -> None:
        look_at = time.monotonic() + LOOK_AT_FILES_EVERY_S
        look_for = time.monotonic() + LOOK_FOR_FILES_EVERY_S
        while True:
            messages = self._gathered(max(look_at - time.monotonic(), 0))
            stop = None in messages
            waiting = [message for message in messages if isinstance(message, Future)]
            try:
                if not stop:
                    stale: set[int] = set()
                    if time.monotonic() >= look_at:
                        look_at = time.monotonic() + LOOK_AT_FILES_EVERY_S
                        if changed := self._changed_on_disk():
                            # A checkout or a commit, maybe: git is asked again.
                            self._refresh()
                            stale |= changed
                    if time.monotonic() >= look_for:
                        look_for = time.monotonic() + LOOK_FOR_FILES_EVERY_S
                        self._refresh()
                        stale |= self._unplaced.keys()
                    began = time.monotonic()
                    self._take(messages, stale)
                    self.took_s = time.monotonic() - began
            except Exception:
                log.exception("the findings could not be brought up to date")
            for future in waiting:
                if future.set_running_or_notify_cancel():
                    future.set_result(None)
            if stop:
                return

    def _gathered(self, patience_s: float) -> list[_Message]:
        gathered: list[_Message] = []
        try:
            gathered.append(self._messages.get(timeout=patience_s))
            while True:
                gathered.append(self._messages.get_nowait())
        except queue.Empty:
            return gathered

    def _take(self, messages: Iterable[_Message], stale: set[int]) -> None:
        for message in messages:
            if isinstance(message, News):
                stale |= self._take_news(message)
            elif isinstance(message, Buffer):
                stale |= self._take_buffer(message)
            elif isinstance(message, Touched):
                with self._workspace_lock:
                    self._workspace.forget(Path(message.path))
                stale |= self._at(message.path) | self._unplaced_named(message.path)
            elif isinstance(message, Tried):
                stale |= self._take_trials(message)
            elif isinstance(message, Suspicion):
                self._suspected.take(message)
                stale |= self._of_group(message.fingerprint)
            elif isinstance(message, Surroundings) and message != self._surroundings:
                self._surroundings = message
                self._open_workspace()
                stale |= self._issues.keys()
        if stale or self._workspace.progress() != self._learned:
            self._place_all(stale)
        # A finding grows stale without any news, so this is put together on every beat.
        snapshot = self._assembled()
        if snapshot != self._snapshot:
            self._snapshot = snapshot
            self._on_snapshot(snapshot)

    def _take_news(self, news: News) -> set[int]:
        changed: set[int] = set()
        if news.afresh:
            changed |= self._issues.keys()
            self._issues.clear()
            self._issues_of_route.clear()
            self._proofs.clear()
        for issue in news.issues:
            self._issues[issue.id] = issue
            if issue.route is not None:
                self._issues_of_route[issue.route.service, issue.route.name].add(issue.id)
            changed.add(issue.id)
            if issue.failure.fingerprint in self._trials:
                changed |= self._of_group(issue.failure.fingerprint)
        good = {
            (request.service, route_name(request)): request
            for request in news.requests
            if request.complete and not request.bad
        }
        for route, request in good.items():
            changed |= self._take_good(route, request)
        return changed

    def _take_good(self, route: tuple[str, str], request: Request) -> set[int]:
        """A good request may be the proof that its route's issues are mended."""
        changed = set()
        for issue_id in self._issues_of_route.get(route, ()):
            issue = self._issues.get(issue_id)
            if issue is None or issue.route is None or (issue.route.last_good_ns or 0) >= request.started_ns:
                continue
            latest = replace(
                issue.route,
                last_good_id=request.id,
                last_good_ns=request.started_ns,
                last_good_revision=request.revision,
                last_good_status=request.status,
            )
            self._issues[issue_id] = replace(issue, route=latest)
            if issue.proof is None and issue_id not in self._proofs and not issue.failure.handled:
                changed.add(issue_id)
        return changed

    def _take_trials(self, tried: Tried) -> set[int]:
        trials = by_group(tried.trials)
        self._trials |= trials
        for trial in trials.values():
            for body in trial.bodies:
                with self._workspace_lock:
                    self._workspace.forget(Path(body.path))  # It may have been saved a moment ago.
        return {id for group in trials for id in self._of_group(group)}

    def _of_group(self, fingerprint: str) -> set[int]:
        return {id for id, issue in self._issues.items() if issue.failure.fingerprint == fingerprint}

    def _trial_of(self, issue: Issue) -> Trial | None:
        """What the latest replay said of it, unless it has failed since or the code is another one now."""
        fingerprint = issue.failure.fingerprint
        trial = self._trials.get(fingerprint)
        if trial is None or issue.failure.handled:
            return None
        failed_ns = max(self._issues[id].last_seen_ns for id in self._of_group(fingerprint))
        return trial if failed_ns <= trial.began_ns and still_holds(trial, self._workspace) else None

    def _take_buffer(self, buffer: Buffer) -> set[int]:
        real = os.path.realpath(buffer.path)
        before = self._opened.pop(buffer.uri, None)
        stays: dict[str, Callable[[int], bool] | None] = {}
        with self._workspace_lock:
            if buffer.text is not None:
                self._opened[buffer.uri] = (buffer, real)
                self._lay_over(buffer, real)
                if before is not None and before[0].text is not None and buffer.edits is not None:
                    for key in {buffer.path, real}:
                        stays[key] = self._workspace.edited(Path(key), before[0].text, buffer.text, buffer.edits)
            else:
                for key in {buffer.path, real}:
                    self._buffers.pop(key, None)
                    self._overlay.pop(Path(key), None)
                for other, other_real in self._opened.values():
                    if other_real == real:
                        self._lay_over(other, real)
        stale = self._at(buffer.path) | self._unplaced_named(buffer.path)
        return {issue_id for issue_id in stale if self._moves(issue_id, stays)}

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

    def _lay_over(self, buffer: Buffer, real: str) -> None:
        assert buffer.text is not None
        for key in {buffer.path, real}:
            self._buffers[key] = buffer
            self._overlay[Path(key)] = buffer.text

    def _at(self, path: str) -> set[int]:
        return self._issues_of_path.get(path, set()) | self._issues_of_path.get(os.path.realpath(path), set())

    def _unplaced_named(self, path: str) -> set[int]:
        name = Path(path).name
        return {
            issue_id
            for issue_id in self._unplaced
            if (issue := self._issues.get(issue_id)) is not None
            and issue.failure.location is not None
            and issue.failure.location.path.replace("\\", "/").endswith(name)
        }

    def _changed_on_disk(self) -> set[int]:
        changed: set[int] = set()
        for path, issue_ids in list(self._issues_of_path.items()):
            if not issue_ids:
                del self._issues_of_path[path]
                self._stamps.pop(path, None)
            elif path in self._stamps and self._stamps[path] != (stamp := _stamp(path)):
                if self._stamps[path] is None:
                    with self._workspace_lock:
                        self._workspace.forget(Path(path))  # It is back.
                self._stamps[path] = stamp
                changed |= issue_ids
        return changed

    def _refresh(self) -> None:
        with self._workspace_lock:
            self._workspace.refresh()

    def _open_workspace(self) -> None:
        with self._workspace_lock:
            self._workspace = Workspace(
                self._surroundings.roots,
                path_map=self._surroundings.path_map,
                overlay=self._overlay,
                others=lambda: [frame for issue in list(self._issues.values()) for frame in issue.failure.frames],
            )

    # One issue.

    def _place_all(self, issue_ids: set[int]) -> None:
        with self._workspace.look():
            self._lines.clear()
            for issue_id in issue_ids:
                self._place(issue_id)
            known, (gained, lost) = self._learned, self._workspace.progress()
            if (gained, lost) != known:
                # The files of some said where those of others are, or that these are not where it seemed.
                for issue_id in list(self._issues if lost != known[1] else self._unplaced):
                    self._place(issue_id)
                self._learned = self._workspace.progress()
        groups = {issue.failure.fingerprint for id in issue_ids if (issue := self._issues.get(id)) is not None}
        with self._workspace_lock:
            self._suspected.look(groups, self._found.values(), self._workspace)
        if self._mended:
            self._on_mended(self._mended)
            self._mended = []

    def _place(self, issue_id: int) -> None:
        """Finds the issue's place in today's text again."""
        shown = self._found.pop(issue_id, None) or self._fixed.pop(issue_id, None)
        self._unplaced.pop(issue_id, None)
        before = self._paths.pop(issue_id, set())
        for path in before:
            self._issues_of_path[path].discard(issue_id)
        issue = self._issues.get(issue_id)
        if issue is None or issue.count <= 0 or issue.dismissed:
            self._proofs.pop(issue_id, None)
            self._held.drop(issue_id)
            return
        try:
            with self._workspace_lock:
                self._place_known(issue)
        except Exception:
            log.exception("the place of issue %s could not be found", issue_id)
            self._unplaced[issue_id] = "its place could not be found, see the log of the language server"
        if issue_id in self._unplaced:
            # A file that is gone may come back: with the next checkout, say.
            self._depends_on(issue_id, before | self._paths.get(issue_id, set()))
        if issue_id in self._found or issue_id in self._fixed:
            self._held.drop(issue_id)
        elif shown is not None and (shown.proof is not None) == (issue_id in self._proofs or issue.proof is not None):
            self._held.hold(shown)

    def _place_known(self, issue: Issue) -> None:
        stands = self._standing(issue)
        resolved = stands.proof is not None
        if stands.proof is not None and time.time_ns() - stands.proof.at_ns > FIXED_FOR_NS:
            return
        location = issue.failure.location
        if location is None and resolved:
            return
        if location is None:
            self._unplaced[issue.id] = issue.failure.location_reason or "no code of yours in the stack trace"
            return
        located = self._workspace.locate(location, issue.last_seen_ns)
        trail = [
            located if frame == location else self._workspace.locate(frame, issue.last_seen_ns)
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
                trial=None if resolved else self._trial_of(issue),
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

    def _standing(self, issue: Issue) -> Standing:
        failed_ns, proof = self._proofs.get(issue.id, (0, None))
        if proof is not None and failed_ns >= issue.last_seen_ns:
            # The edit that came before it may be told by nothing any more.
            return Standing("resolved", proof)
        self._proofs.pop(issue.id, None)  # It has failed since.
        stands = standing(self._workspace, issue)
        if stands.proof is not None and issue.proof is None:
            self._proofs[issue.id] = (issue.last_seen_ns, stands.proof)
            self._mended.append((issue, stands.proof))
        return stands

    def _placed(self, located: LocatedFrame) -> Place | None:
        if located.path is None or located.anchor not in SHOWN:
            return None
        return Place(located, self._uri(located.path), self._line(located.path, located.line))

    def _line(self, path: str, line: int) -> str:
        lines = self._lines.get(path)
        if lines is None:
            lines = self._lines[path] = self._workspace.lines(Path(path))
        return lines[line - 1] if 1 <= line <= len(lines) else ""

    def _uri(self, path: str) -> str:
        buffer = self._buffers.get(path) or self._buffers.get(os.path.realpath(path))
        return buffer.uri if buffer is not None else path_to_uri(path)

    # All of them.

    def _assembled(self) -> Snapshot:
        with self._workspace_lock:
            held = [each for each in self._held.still(self._buffers, self._workspace.lines) if not self._hidden(each)]
        return Snapshot(
            files=files(
                found=(finding for finding in self._found.values() if not self._hidden(finding)),
                fixed=still_fixed(self._fixed.values(), self._issues.values()),
                held=held,
                versions={buffer.uri: buffer.version for buffer in self._buffers.values()},
                now_ns=time.time_ns(),
                suspects=self._suspected.by_file(self._uri),
            ),
            failing=sum(not self._issues[issue_id].failure.handled for issue_id in (*self._found, *self._unplaced)),
            unplaced=tuple(
                (self._issues[issue_id], reason)
                for issue_id, reason in sorted(self._unplaced.items())
                if not self._issues[issue_id].failure.handled
            ),
        )

    def _hidden(self, finding: Finding) -> bool:
        path = finding.place.located.path or ""
        return finding.state == "handled" and any(
            Path(path).is_relative_to(folder) for folder in self._surroundings.hides_handled
        )


def _always(line: int) -> bool:
    return True


def _stamp(path: str) -> tuple[int, int] | None:
    try:
        status = Path(path).stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size
