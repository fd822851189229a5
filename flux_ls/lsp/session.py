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

from flux_ls.answers import state
from flux_ls.lsp import code_action, commands, document_link, extensions, hover, inlay_hint, questions
from flux_ls.lsp.code_lens import Traffic, lenses
from flux_ls.lsp.convert import uri_to_path
from flux_ls.lsp.desk import Desk
from flux_ls.lsp.diagnostics import Diagnostics
from flux_ls.lsp.documents import Document
from flux_ls.lsp.edited import Edited
from flux_ls.lsp.error_news import ErrorNews
from flux_ls.lsp.findings import Findings, Surroundings, Tried
from flux_ls.lsp.jobs import Job
from flux_ls.lsp.keeper import Keeper
from flux_ls.lsp.lens_refresh import LensRefresh
from flux_ls.lsp.lookup import Lookup
from flux_ls.lsp.mending import Mender
from flux_ls.lsp.offers import Offers
from flux_ls.lsp.results import Results
from flux_ls.lsp.running import Ground
from flux_ls.lsp.show import Shower
from flux_ls.lsp.snapshot import FileFindings, Finding, Snapshot
from flux_ls.lsp.status import StatusBoard
from flux_ls.lsp.tail import Tail
from flux_ls.lsp.tails import Tails
from flux_ls.lsp.traffic import traffic_of
from flux_ls.lsp.watch import Watch
from flux_ls.lsp.watched_store import WatchedStore
from flux_ls.model import Issue, Proof
from flux_ls.otlp.stacktrace import InAppRule
from flux_ls.processes import alive
from flux_ls.replay.projects import Projects
from flux_ls.store.errors import StoreError

if TYPE_CHECKING:
    from flux_ls.lsp.server import FluxServer

log = logging.getLogger(__name__)

T = TypeVar("T")

PATIENCE_S = 0.5
"""How long an editor's question waits for findings that are being brought up to date."""
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
        self.error_news = ErrorNews(lambda: server.protocol.notify(extensions.ERRORS, {}))
        self._store = WatchedStore(self._findings, self._board, self.error_news, server.show, self._soon)
        self._writing: set[asyncio.Task[None]] = set()
        self._tails = Tails(self._later(lambda requests: server.protocol.notify(extensions.TAIL, requests)))
        self._edited = Edited(self._findings)
        self._lens_refresh = LensRefresh(self._lenses_now, self._ask_for_lenses)
        self._beats: list[asyncio.Task[None]] = []

    # Its life.

    async def start(self) -> None:
        documents = self._server.documents
        documents.on_opened, documents.on_closed = self._opened, self._closed
        documents.on_changed = self._edited.changed
        self._findings.start()
        await self._load_settings()
        for document in documents:
            self._edited.changed(document, None)
        self._apply_settings()
        self._beats = [asyncio.create_task(self._look_at_the_clock()), asyncio.create_task(self._look_at_the_editor())]

    async def stop(self, timeout: float) -> bool:
        """Ends all threads; False when one did not within `timeout` seconds."""
        self._keeper.stop()
        self._shower.stop()
        self._diagnostics.stop()
        self._edited.stop()
        self._lens_refresh.stop()
        for beat in self._beats:
            beat.cancel()
        self._board.stop()
        self.error_news.stop()
        threads: list[Findings | Tail | Watch] = [self._findings, *self._tails]
        if self._store.watch is not None:
            threads.append(self._store.watch)
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

    async def files_changed(self) -> None:
        """Files that hold settings."""
        if await self._server.settings.load(self._server.folder_uris):
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
        self._findings.put(
            Surroundings(
                roots=self._roots(),
                path_map=self._path_map(),
                handled=tuple((path, each.show_handled) for path, each in settings.nearest_first),
            )
        )
        rule = InAppRule(include=general.in_app_include, exclude=general.in_app_exclude)
        if self._store.look_at(general.store, rule):
            self._tails.move_to(self._asked())
        self._keeper.keep(general)
        self._diagnostics.show(self._snapshot, self._server.client)
        self._board.update(settings="; ".join(settings.loaded.warnings))
        self._look_at_lenses()

    def _roots(self) -> tuple[Path, ...]:
        return tuple(Path(path) for uri in self._server.folder_uris if (path := uri_to_path(uri)) is not None)

    def _path_map(self) -> tuple[str, ...]:
        settings = self._server.settings
        pairs = [pair for _, each in settings.nearest_first for pair in each.path_map]
        return tuple(dict.fromkeys((*pairs, *settings.general.path_map)))

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
        self.error_news.changed()
        self._look_at_lenses()

    def _keep(self, mended: list[tuple[Issue, Proof]]) -> None:
        """Has the store remember what was seen mended: the next edit takes away what told it."""
        if self._store.lookup is not None:
            task = asyncio.create_task(asyncio.to_thread(state.keep, self._store.lookup.path, mended))
            self._writing.add(task)
            task.add_done_callback(self._writing.discard)

    async def _settled(self) -> None:
        """Waits, but not for long, until the latest edits are in the snapshot."""
        self._edited.flush()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(asyncio.wrap_future(self._findings.settled()), PATIENCE_S)

    async def _file(self, uri: str) -> FileFindings | None:
        # What is asked for when a file has just been opened is to be there at the first time of asking.
        await self._store.looked()
        await self._settled()
        return self._snapshot.files.get(uri)

    # Documents.

    def _opened(self, document: Document) -> None:
        self._diagnostics.owe(document.uri)
        self._edited.opened(document)
        # A file that is closed and opened in one go makes no new snapshot, but its diagnostics are owed all the same.
        show = self._later(lambda _: self._diagnostics.show(self._snapshot, self._server.client))
        self._findings.settled().add_done_callback(lambda _: show(None))

    def _closed(self, document: Document) -> None:
        self._edited.closed(document)
        self._lens_refresh.forget(document.uri)

    def saved(self, uri: str) -> None:
        if (path := uri_to_path(uri)) is not None:
            self._edited.saved(path)

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

    async def document_link(self, page: str) -> list[types.DocumentLink]:
        roots, encoding = self._roots(), self._server.client.encoding

        def found() -> list[types.DocumentLink]:
            with self._findings.workspace() as workspace:
                return document_link.links(
                    page, lambda path: document_link.inside(workspace.absolute(path), roots), encoding
                )

        return await asyncio.to_thread(found)

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
        self._lens_refresh.served(uri, self._lenses(file))
        return self._lenses(file, traffic)

    def _lenses(self, file: FileFindings | None, traffic: tuple[Traffic, ...] = ()) -> list[types.CodeLens]:
        return lenses(file, traffic, self._server.client, runnable=self._runnable)

    def _runnable(self, finding: Finding) -> bool:
        return self._server.trust.is_given and self._offers.can_replay(finding)

    def _asked(self) -> Lookup:
        assert self._store.lookup is not None
        return self._store.lookup

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
        if findings and self._store.lookup is not None:
            await self._quickly(lambda: self._offers.look(self._asked(), findings))
        replayable = {each.issue.failure.fingerprint for each in findings if self._offers.can_replay(each)}
        actions = code_action.actions(file, params, client, replayable, trusted=self._server.trust.is_given)
        document = self._server.documents.get(uri)
        if not findings or file is None or document is None or document.version != file.version:
            return actions
        if not client.action_kinds or self._store.lookup is None:
            return actions
        lookup, version = self._store.lookup, file.version
        mends = await self._quickly(lambda: self._mender.mends(lookup, findings, version))
        if document.version != version:
            # Edited meanwhile: the editor asks again.
            return actions
        return [*code_action.mending(mends, params, client, version), *actions]

    def _look_at_lenses(self) -> None:
        """Has the client ask again when its lenses are out of date."""
        if self._server.client.lens_refresh or self._server.client.inlay_refresh:
            self._lens_refresh.look()

    def _lenses_now(self) -> dict[str, list[types.CodeLens]]:
        return {each.uri: self._lenses(self._snapshot.files.get(each.uri)) for each in self._server.documents}

    def _ask_for_lenses(self) -> None:
        if self._server.client.lens_refresh:
            self._server.workspace_code_lens_refresh(None)
        # The values beside the code are of the same failures.
        if self._server.client.inlay_refresh and any(
            each.inlay_hints for _, each in self._server.settings.nearest_first
        ):
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
            below=self._server.settings.below,
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
            await self._shower.show(result["uri"], result["text"])
        return result

    def _ground(self) -> Ground:
        settings = self._server.settings
        return Ground(
            projects=Projects(folders=self._roots(), load=settings.around, environ=os.environ),
            path_map=self._path_map(),
            opened=tuple((each.path, each.text) for each in self._server.documents if each.path is not None),
        )

    # Live tail.

    @property
    def status(self) -> StatusBoard:
        return self._board

    async def subscribe_tail(self, params: object) -> object:
        return self._tails.subscribe(params, self._asked())

    async def unsubscribe_tail(self, params: object) -> object:
        return self._tails.unsubscribe(params)

    # Between threads.

    def _later(self, call: Callable[[T], object]) -> Callable[[T], None]:
        """The same call, made in the event loop, from any thread."""

        def hand_over(value: T) -> None:
            with contextlib.suppress(RuntimeError):  # The loop has ended.
                self._loop.call_soon_threadsafe(call, value)

        return hand_over

    def _soon(self, call: Callable[[], object]) -> None:
        self._later(lambda _: call())(None)

    async def _quickly(self, call: Callable[[], T]) -> T:
        """A short look into the store, which long work does not hold up."""
        return await self._loop.run_in_executor(self._quick, call)
