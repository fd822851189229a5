"""A running session: the threads and tasks that start once the client is greeted, and what its requests ask of them."""

import asyncio
import contextlib
import logging
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from lsprotocol import types
from pygls.exceptions import JsonRpcInvalidParams

from flux_ls.answers import state
from flux_ls.answers.shapes import request_shape
from flux_ls.lsp import code_action, commands, extensions, hover, inlay_hint, questions, tail
from flux_ls.lsp.code_lens import Traffic, lenses
from flux_ls.lsp.convert import path_to_uri, uri_to_path
from flux_ls.lsp.desk import Desk
from flux_ls.lsp.diagnostics import Diagnostics
from flux_ls.lsp.documents import Document
from flux_ls.lsp.findings import Buffer, Findings, Surroundings, Touched, Tried
from flux_ls.lsp.jobs import Job
from flux_ls.lsp.keeper import Keeper
from flux_ls.lsp.lookup import Lookup
from flux_ls.lsp.mending import Mender
from flux_ls.lsp.offers import Offers
from flux_ls.lsp.processes import alive
from flux_ls.lsp.results import Results
from flux_ls.lsp.running import Ground
from flux_ls.lsp.show import Shower
from flux_ls.lsp.snapshot import FileFindings, Finding, Snapshot
from flux_ls.lsp.status import StatusBoard, StoreStatus
from flux_ls.lsp.traffic import traffic_of
from flux_ls.lsp.watch import News, Sight, Watch
from flux_ls.model import Issue, Proof
from flux_ls.otlp.stacktrace import InAppRule
from flux_ls.source.edits import Edit
from flux_ls.store.errors import StoreError

if TYPE_CHECKING:
    from flux_ls.lsp.server import FluxServer

log = logging.getLogger(__name__)

T = TypeVar("T")

EDIT_PAUSE_S = 0.05
"""Edits closer together than this are looked at together..."""
IDLE_SHARE = 4
LONGEST_EDIT_PAUSE_S = 0.5
"""...and where a look takes long, what is typed meanwhile waits a multiple of that: most of the time is idle."""
PATIENCE_S = 0.5
"""How long an editor's question waits for findings that are being brought up to date."""
FIRST_LOOK_S = 2.0
"""How long the first question waits until the store was looked at."""
LENS_PAUSE_S = 0.25
LENSES_EVERY_S = 1.0
"""The client is asked to ask for lenses again a moment after they changed, and no more often than this."""
CLOCK_BEAT_S = 30.0
"""How often lenses are looked at for times that read differently by now."""
EDITOR_BEAT_S = 2.0
"""How soon an editor that ended without a word is noticed."""


class Session:
    """Everything that runs for one client."""

    def __init__(self, server: "FluxServer") -> None:
        self._server = server
        self._loop = asyncio.get_running_loop()
        self._snapshot = Snapshot()
        self._findings = Findings(self._later(self._show), self._later(self._keep))
        self._diagnostics = Diagnostics(
            server.text_document_publish_diagnostics,
            self._open_version,
            lambda uri: server.settings.of(uri).hints_per_file,
        )
        self._board = StatusBoard(lambda status: server.protocol.notify(extensions.STATUS, status))
        self._keeper = Keeper(lambda status: self._board.update(collector=status), server.show)
        self._shower = Shower(server)
        self._mender = Mender(self._findings.workspace)
        self._offers = Offers()
        self._results = Results()
        self._quick = ThreadPoolExecutor(1, thread_name_prefix="flux-quick")
        self._watch: Watch | None = None
        self._looked = asyncio.Event()
        """What the store holds is on its way to the findings, or it cannot be told."""
        self._lookup: Lookup | None = None
        self._writing: set[asyncio.Task[None]] = set()
        self._tails: dict[str, tail.Tail] = {}
        self._edited: dict[str, tuple[Document, tuple[Edit, ...] | None]] = {}
        """The documents that the findings do not know as they are now, with the edits since then."""
        self._flush_timer: asyncio.TimerHandle | None = None
        self._lenses_served: dict[str, list[types.CodeLens]] = {}
        self._lens_timer: asyncio.TimerHandle | None = None
        self._lenses_refreshed_at = -LENSES_EVERY_S
        self._beats: list[asyncio.Task[None]] = []

    # Its life.

    async def start(self) -> None:
        documents = self._server.documents
        documents.on_opened, documents.on_changed, documents.on_closed = self._opened, self._changed, self._closed
        self._findings.start()
        await self._load_settings()
        for document in documents:
            self._changed(document, None)
        self._apply_settings()
        self._beats = [asyncio.create_task(self._look_at_the_clock()), asyncio.create_task(self._look_at_the_editor())]

    async def stop(self, timeout: float) -> bool:
        """Ends all threads; False when one did not within `timeout` seconds."""
        self._keeper.stop()
        self._shower.stop()
        self._diagnostics.stop()
        for waiting in (*self._beats, self._flush_timer, self._lens_timer):
            if waiting is not None:
                waiting.cancel()
        self._board.stop()
        threads: list[Findings | tail.Tail | Watch] = [self._findings, *self._tails.values()]
        if self._watch is not None:
            threads.append(self._watch)
        for thread in threads:
            thread.stop()
        self._quick.shutdown(wait=False, cancel_futures=True)
        deadline = time.monotonic() + timeout
        if self._writing:
            await asyncio.wait(self._writing, timeout=timeout)
        ended = [await asyncio.to_thread(thread.join, max(deadline - time.monotonic(), 0.01)) for thread in threads]
        await asyncio.to_thread(self._shower.tidy)
        return all(ended)

    # Settings and folders.

    async def configuration_changed(self, pushed: object) -> None:
        if not self._server.client.configuration:
            self._server.settings.push(pushed)
        await self._load_settings()
        self._apply_settings()

    async def folders_changed(self) -> None:
        self.trust_changed()
        await self._load_settings()
        self._apply_settings()

    def trust_changed(self) -> None:
        """What may be run is offered, and no more than that."""
        self._server.trust.look_again()
        self._look_at_lenses()

    async def _load_settings(self) -> None:
        settings, folders = self._server.settings, self._server.folder_uris
        if self._server.client.configuration:
            await settings.pull(self._server.workspace_configuration_async, folders)
        await settings.load(folders)

    def _apply_settings(self) -> None:
        settings = self._server.settings
        general = settings.general
        folders = [(uri, path) for uri in self._server.folder_uris if (path := uri_to_path(uri)) is not None]
        self._findings.put(
            Surroundings(
                roots=self._roots(),
                path_map=self._path_map(),
                hides_handled=tuple(path for uri, path in folders if not settings.of(uri).show_handled),
            )
        )
        rule = InAppRule(include=general.in_app_include, exclude=general.in_app_exclude)
        if self._lookup is None or (self._lookup.path, self._lookup.rule) != (general.store, rule):
            self._watch_store(general.store, rule)
        self._keeper.keep(general)
        self._diagnostics.show(self._snapshot, self._server.client)
        self._board.update(settings="; ".join(settings.loaded.warnings))
        self._look_at_lenses()

    def _roots(self) -> tuple[Path, ...]:
        return tuple(Path(path) for uri in self._server.folder_uris if (path := uri_to_path(uri)) is not None)

    def _path_map(self) -> tuple[str, ...]:
        settings, folders = self._server.settings, self._server.folder_uris
        pairs = [pair for uri in folders if uri_to_path(uri) is not None for pair in settings.of(uri).path_map]
        return tuple(dict.fromkeys((*pairs, *settings.general.path_map)))

    def _watch_store(self, path: Path, rule: InAppRule) -> None:
        if self._watch is not None:
            self._watch.stop()
            self._findings.put(News(afresh=True))
        for each in self._tails.values():
            each.stop()
        self._looked.clear()
        self._lookup = Lookup(path, rule)
        self._board.update(store=StoreStatus(str(path)), last_request=None)
        watch = Watch(
            path, rule, lambda news: self._take_news(watch, news), lambda sight: self._take_sight(watch, sight)
        )
        self._watch = watch
        watch.start()
        for each in list(self._tails.values()):
            self._start_tail(each.asked)

    # News of the store, in the watch's thread.

    def _take_news(self, watch: Watch, news: News) -> None:
        if watch is not self._watch:
            return
        self._findings.put(news)
        self._later(lambda _: self._looked.set())(None)
        if news.afresh or news.requests:
            self._later(lambda empty: self._board.update(empty=empty))(not news.requests)
        finished = [request for request in news.requests if request.complete]
        if finished:
            last = request_shape(max(finished, key=lambda request: request.ended_ns))
            self._later(lambda request: self._board.update(last_request=request))(last)

    def _take_sight(self, watch: Watch, sight: Sight) -> None:
        def tell(_: None) -> None:
            if watch is not self._watch or self._lookup is None:
                return
            path = str(self._lookup.path)
            if sight.problem is not None:
                self._looked.set()  # There is nothing to wait for.
            if not sight.problem:
                self._board.update(store=StoreStatus(path, "ready" if sight.problem is None else "waiting"))
            else:
                self._board.update(store=StoreStatus(path, "failed", sight.problem))
                self._server.show(f"store {path}", sight.problem)

        self._later(tell)(None)

    # Snapshots.

    def _show(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self._diagnostics.show(snapshot, self._server.client)
        self._board.update(
            failing=snapshot.failing,
            unplaced=len(snapshot.unplaced),
            unplaced_reason=snapshot.unplaced[0][1] if snapshot.unplaced else "",
            located=snapshot.failing - sum(issue.failure.location is None for issue, _ in snapshot.unplaced),
        )
        self._look_at_lenses()

    def _keep(self, mended: list[tuple[Issue, Proof]]) -> None:
        """Has the store remember what was seen mended: the next edit takes away what told it."""
        if self._lookup is not None:
            task = asyncio.create_task(asyncio.to_thread(state.keep, self._lookup.path, mended))
            self._writing.add(task)
            task.add_done_callback(self._writing.discard)

    async def _settled(self) -> None:
        """Waits, but not for long, until the latest edits are in the snapshot."""
        self._flush()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(asyncio.wrap_future(self._findings.settled()), PATIENCE_S)

    async def _file(self, uri: str) -> FileFindings | None:
        # What is asked for when a file has just been opened is to be there at the first time of asking.
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._looked.wait(), FIRST_LOOK_S)
        await self._settled()
        return self._snapshot.files.get(uri)

    # Documents.

    def _opened(self, document: Document) -> None:
        self._diagnostics.owe(document.uri)
        self._edited[document.uri] = (document, None)
        self._flush()
        # A file that is closed and opened in one go makes no new snapshot, but its diagnostics are owed all the same.
        show = self._later(lambda _: self._diagnostics.show(self._snapshot, self._server.client))
        self._findings.settled().add_done_callback(lambda _: show(None))

    def _changed(self, document: Document, edits: tuple[Edit, ...] | None) -> None:
        _, before = self._edited.get(document.uri, (document, ()))
        self._edited[document.uri] = (document, None if before is None or edits is None else before + edits)
        if self._flush_timer is None:
            pause = min(max(EDIT_PAUSE_S, IDLE_SHARE * self._findings.took_s), LONGEST_EDIT_PAUSE_S)
            self._flush_timer = self._loop.call_later(pause, self._flush)

    def _closed(self, document: Document) -> None:
        self._edited.pop(document.uri, None)
        self._lenses_served.pop(document.uri, None)
        if document.path is not None:
            self._findings.put(Buffer(document.uri, document.path, None, None))

    def _flush(self) -> None:
        if self._flush_timer is not None:
            self._flush_timer.cancel()
            self._flush_timer = None
        for document, edits in self._edited.values():
            if document.path is not None:
                self._findings.put(Buffer(document.uri, document.path, document.version, document.text, edits))
        self._edited.clear()

    def saved(self, uri: str) -> None:
        if (path := uri_to_path(uri)) is not None:
            self._findings.put(Touched(path))

    def _open_version(self, uri: str) -> int | None:
        document = self._server.documents.get(uri)
        return None if document is None else document.version

    # What editors ask.

    async def hover(self, params: types.HoverParams) -> types.Hover | None:
        file = await self._file(params.text_document.uri)
        line = params.position.line + 1
        found, mended = hover.findings_at(file, line), hover.fixed_at(file, line)
        recorded = await self._quickly(lambda: self._asked().recorded(found)) if found else {}
        return hover.hover(found, recorded, self._server.client, mended=mended)

    async def inlay_hint(self, params: types.InlayHintParams) -> list[types.InlayHint]:
        uri = params.text_document.uri
        if not self._server.settings.of(uri).inlay_hints:
            return []
        found = inlay_hint.with_values(await self._file(uri), params.range)
        if not found:
            return []
        recorded = await self._quickly(lambda: self._asked().recorded(found))
        return inlay_hint.hints(found, recorded, self._server.client)

    async def code_lens(self, params: types.CodeLensParams) -> list[types.CodeLens]:
        uri = params.text_document.uri
        file = await self._file(uri)
        if file is not None and self._server.trust.is_given:
            await self._quickly(lambda: self._offers.look(self._asked(), file.findings))
        traffic: tuple[Traffic, ...] = ()
        if self._server.settings.of(uri).traffic_lens and (path := uri_to_path(uri)) is not None:
            traffic = await self._quickly(lambda: self._traffic(path))
        self._lenses_served[uri] = self._lenses(file)
        return self._lenses(file, traffic)

    def _lenses(self, file: FileFindings | None, traffic: tuple[Traffic, ...] = ()) -> list[types.CodeLens]:
        return lenses(file, traffic, self._server.client, runnable=self._runnable)

    def _runnable(self, finding: Finding) -> bool:
        return self._server.trust.is_given and self._offers.can_replay(finding)

    def _asked(self) -> Lookup:
        assert self._lookup is not None
        return self._lookup

    def _traffic(self, path: str) -> tuple[Traffic, ...]:
        try:
            reader = self._asked().reader()
            with self._findings.workspace() as workspace:
                return traffic_of(reader, workspace, path)
        except StoreError:
            return ()

    async def code_action(self, params: types.CodeActionParams) -> list[types.CodeAction | types.Command]:
        uri, client = params.text_document.uri, self._server.client
        file = await self._file(uri)
        findings = code_action.asked_about(file, params)
        if findings and self._lookup is not None:
            await self._quickly(lambda: self._offers.look(self._asked(), findings))
        replayable = {each.issue.failure.fingerprint for each in findings if self._offers.can_replay(each)}
        actions = code_action.actions(file, params, client, replayable, trusted=self._server.trust.is_given)
        document = self._server.documents.get(uri)
        if not findings or file is None or document is None or document.version != file.version:
            return actions
        if not client.action_kinds or self._lookup is None:
            return actions
        lookup, version = self._lookup, file.version
        mends = await self._quickly(lambda: self._mender.mends(lookup, findings, version))
        if document.version != version:
            # Edited meanwhile: the editor asks again.
            return actions
        return [*code_action.mending(mends, params, client, version), *actions]

    def _look_at_lenses(self) -> None:
        """Asks the client to ask again when its lenses are out of date; several reasons become one question."""
        client = self._server.client
        if (client.lens_refresh or client.inlay_refresh) and self._lens_timer is None:
            pause = max(LENS_PAUSE_S, self._lenses_refreshed_at + LENSES_EVERY_S - time.monotonic())
            self._lens_timer = self._loop.call_later(pause, self._refresh_lenses)

    def _refresh_lenses(self) -> None:
        self._lens_timer = None
        changed = False
        for document in self._server.documents:
            made = self._lenses(self._snapshot.files.get(document.uri))
            if made != self._lenses_served.get(document.uri, []):
                self._lenses_served[document.uri] = made
                changed = True
        if changed:
            self._lenses_refreshed_at = time.monotonic()
            if self._server.client.lens_refresh:
                self._server.workspace_code_lens_refresh(None)
            # The values beside the code are of the same failures.
            if self._server.client.inlay_refresh and self._server.settings.general.inlay_hints:
                self._server.workspace_inlay_hint_refresh(None)

    async def _look_at_the_clock(self) -> None:
        while True:
            await asyncio.sleep(CLOCK_BEAT_S)
            self._look_at_lenses()

    async def _look_at_the_editor(self) -> None:
        editor = self._server.process_id
        if editor is None or not alive(editor):
            return  # It runs elsewhere, in front of a container say.
        while alive(editor):
            await asyncio.sleep(EDITOR_BEAT_S)
        # Somebody else may hold the other end of our input open, which then never ends.
        log.warning("the editor (process %s) is gone", editor)
        self._server.protocol.exited.set()

    # Commands.

    async def answer(self, command: commands.Command, asked: Any, token: types.ProgressToken | None) -> object:
        runs = command.runs_code and not asked.latest
        if runs:
            self._server.trust.require(command.id)
        desk = Desk(
            lookup=self._asked(),
            workspace=self._findings.workspace,
            loaded=self._server.settings.loaded,
            status=lambda: self._board.current,
            ground=self._ground(),
            results=self._results,
            tried=lambda trials: self._findings.put(Tried(tuple(trials))),
            suspected=self._findings.put,
        )
        await self._settled()

        def work(job: Job) -> dict[str, Any]:
            # It may have waited for its turn.
            with self._server.trust.running(command.id, job.stop) if runs else contextlib.nullcontext():
                return questions.answer(command, asked, desk, job)

        result = await self._server.jobs.run(f"Flux: {command.title}", work, token=token, long=runs)
        if not getattr(asked, "show", False):
            return result
        if command.name == "writeTest":
            self._shower.create(result["file"], result["source"], command.title)
        else:
            self._shower.show(result["uri"], result["text"])
        return result

    def _ground(self) -> Ground:
        settings = self._server.settings
        return Ground(
            folders=self._roots(),
            path_map=self._path_map(),
            loaded=lambda folder: settings.loaded_of(path_to_uri(str(folder))),
            opened=tuple((each.path, each.text) for each in self._server.documents if each.path is not None),
            environ=os.environ,
        )

    # Live tail.

    @property
    def status(self) -> StatusBoard:
        return self._board

    async def subscribe_tail(self, params: object) -> object:
        asked: tail.Subscribe = commands.read_object(tail.Subscribe, params or {}, _wrong(extensions.SUBSCRIBE_TAIL))
        self._start_tail(asked)
        return {"id": asked.id, "subscribed": True}

    async def unsubscribe_tail(self, params: object) -> object:
        asked: tail.Unsubscribe = commands.read_object(
            tail.Unsubscribe, params or {}, _wrong(extensions.UNSUBSCRIBE_TAIL)
        )
        running = self._tails.pop(asked.id, None)
        if running is not None:
            running.stop()
        return {"id": asked.id, "subscribed": False}

    def _start_tail(self, asked: tail.Subscribe) -> None:
        lookup = self._asked()
        if asked.id in self._tails:
            self._tails[asked.id].stop()
        send = self._later(lambda requests: self._server.protocol.notify(extensions.TAIL, requests))
        self._tails[asked.id] = started = tail.Tail(asked, lookup.path, lookup.rule, send)
        started.start()

    # Between threads.

    def _later(self, call: Callable[[T], object]) -> Callable[[T], None]:
        """The same call, made in the event loop, from any thread."""

        def hand_over(value: T) -> None:
            with contextlib.suppress(RuntimeError):  # The loop has ended.
                self._loop.call_soon_threadsafe(call, value)

        return hand_over

    async def _quickly(self, call: Callable[[], T]) -> T:
        """A short look into the store, which long work does not hold up."""
        return await self._loop.run_in_executor(self._quick, call)


def _wrong(method: str) -> Callable[[str], JsonRpcInvalidParams]:
    return lambda problem: JsonRpcInvalidParams(f"{method}: {problem}")
