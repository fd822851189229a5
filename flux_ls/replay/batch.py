"""The runs of a replay, spread over processes: one that has imported the application forks one for each request.

A request has all that it would have in a process of its own: what the import left, and databases, files and a network
that nobody has used. Where a fork would not give it that, a process runs one request and is gone (`child/forking.py`).
"""

import base64
import contextlib
import shutil
import threading
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from threading import Event
from typing import Any, Literal

from msgspec.structs import asdict, replace

from flux_ls.replay.allowed import Allowed, allowed
from flux_ls.replay.hung import Hung
from flux_ls.replay.process import Process, drop, scratch
from flux_ls.replay.rows import Written, left_alone, row_of
from flux_ls.replay.shapes import Conditions, RecordedCall, Recording, Sent
from flux_ls.replay.start import start_of
from flux_ls.replay.told import Ran, Told, Trouble
from flux_ls.room import no_room

Network = Literal["namespace", "ports", "open"]
"""How the kernel is to keep the network away: all of it, all ports but the allowed ones, or not at all."""


_MOST_ROWS = 20
"""Rows that are named, of those that could not be put back before a request: each of a window has its own."""


class Batch:
    """Runs requests again, from several threads; at most `at_once` processes stay. To be closed."""

    def __init__(
        self, conditions: Conditions, at_once: int = 1, *, forks: bool = False, written: Sequence[Written] = ()
    ) -> None:
        """`written`: what any of the requests committed to rows, the newest first."""
        self._conditions = conditions
        self._written = () if conditions.allow_writes else tuple(written)
        self._at_once, self._forks = at_once, forks
        self._let = allowed(conditions.allow)
        self._network, self._reason = _network(conditions, self._let)
        self._alone: dict[str, dict[str, dict[str, Any]]] = {}
        """Services whose requests have a process each, and the line that said why."""
        self._hung = Hung(conditions)
        self._idle: list[_Warm] = []
        self._lock = threading.Lock()

    def run(self, recording: Recording, seen: Sequence[str], cancel: Event | None = None) -> Ran:
        """Raises Cancelled."""
        service = recording.request.service
        while True:
            if (trouble := self._hung.why_not(service, seen)) is not None:
                return Ran(None, trouble, was_tried=False)
            try:
                warm = self._take(service)
            except OSError as error:
                reason, _, mend = no_room(error).rpartition(": ")
                return Ran(None, Trouble(reason, mend))
            told = Told(warm.process.of_all | self._alone.get(service, {}))
            try:
                warm.process.ask(self._job(recording, seen, warm), told, cancel)
                ran = warm.process.ran(told)
            except BaseException:
                warm.process.end(told)
                raise
            finally:
                drop(self._conditions, warm.process.folder, told)
                self._give_back(warm)
            self._hung.saw(service, seen, told, ran.trouble)
            if (alone := told.lines.get("alone")) is not None:
                self._alone[service] = {"alone": alone}
                if alone.get("anew") and not told.has("done"):
                    continue
            if told.has("other"):
                continue  # Its code belongs to another application, which a new process imports.
            if (lost := told.lines.get("out_of_reach")) is not None and warm.network != "open":
                self._open(lost["service"])
                continue
            return replace(ran, **self._rows(told, recording))

    def _rows(self, told: Told, recording: Recording) -> dict[str, Any]:
        verdicts = told.lines.get("done", {}).get("rows", {"put_back": (), "not_put_back": ()})
        gone = {*verdicts["put_back"]}
        made = {
            change.table: None
            for number, change in enumerate(self._written)
            if change.request_id == recording.request.id and change.operation == "insert" and number not in gone
        }
        left = [(self._written[number], reason) for number, reason in verdicts["not_put_back"]]
        alone = {row_of(change) for change, _ in left}
        back = {row_of(self._written[number]) for number in gone}
        return {
            "put_back": len(back - alone),
            "not_put_back": left_alone(left)[:_MOST_ROWS],
            "not_put_back_rows": len(alone),
            "left_in": tuple(made) if self._written else recording.inserted,
        }

    def close(self) -> None:
        with self._lock:
            idle, self._idle = self._idle, []
        for warm in idle:
            warm.close()

    def _open(self, service: str) -> None:
        """A database is behind the network: the kernel's namespace is done without, from now on."""
        with self._lock:
            self._network, self._reason = "open", f"{service} is reached through the network"
            idle, self._idle = self._idle, []
        for warm in idle:
            warm.close()

    def _take(self, service: str) -> "_Warm":
        with self._lock:
            found = next((warm for warm in self._idle if warm.process.service == service), None)
            if found is not None:
                self._idle.remove(found)
                return found
            network, reason = self._network, self._reason
        return _Warm(self._conditions, service, network, reason)

    def _give_back(self, warm: "_Warm") -> None:
        surplus: list[_Warm] = [warm]
        warm.tidy()
        with self._lock:
            if warm.process.is_there and warm.network == self._network:
                self._idle.append(warm)
                surplus = [self._idle.pop(0)] if len(self._idle) > self._at_once else []
        for each in surplus:
            each.close()

    def _job(self, recording: Recording, seen: Sequence[str], warm: "_Warm") -> dict[str, Any]:
        conditions = self._conditions
        started_ns = recording.request.started_ns
        return {
            "root": str(conditions.root.resolve()),
            "app": conditions.app,
            "seen": list(seen),
            "start": start_of(recording.spans),
            "scratch": str(warm.process.folder),
            "own_scratch": str(warm.own_scratch()),
            "forks": self._forks and warm.process.service not in self._alone,
            "network": warm.network,
            "no_namespace": warm.reason,
            "allow": self._let.by_network,
            "allow_sockets": self._let.sockets,
            "allow_writes": conditions.allow_writes,
            "request_id": recording.request.id,
            "service": recording.request.service,
            "started_ns": started_ns,
            "written": [asdict(each) for each in self._written] if warm.learns() else None,
            "seccomp": conditions.seccomp,
            "timeout_s": conditions.timeout_s,
            "pin": {"started_ns": started_ns, "seed": int(recording.request.id, 16)} if conditions.pin else None,
            "sent": _with_body(recording.sent),
            "calls": [
                {**asdict(call), "body": base64.b64encode(call.body).decode("ascii")} for call in recording.calls
            ],
        }


def _with_body(told: Sent | RecordedCall) -> dict[str, Any]:
    return {**asdict(told), "body": base64.b64encode(told.body).decode("ascii")}


class _Warm:
    """A process with its folder."""

    def __init__(self, conditions: Conditions, service: str, network: Network, reason: str) -> None:
        """Raises OSError where there is no room for its folder."""
        self.network, self.reason = network, reason
        with ExitStack() as stack:
            self.process = Process(conditions, stack.enter_context(scratch()), service)
            self._stack = stack.pop_all()

    def learns(self) -> bool:
        """Whether it has yet to be told what all of its requests have in common."""
        return self.process.runs == 0

    def own_scratch(self) -> Path:
        """Of the request that comes next."""
        return self.process.folder / f"run-{self.process.runs + 1}"

    def tidy(self) -> None:
        """Copies of databases are large."""
        shutil.rmtree(self.process.folder / f"run-{self.process.runs}", ignore_errors=True)

    def close(self) -> None:
        with contextlib.ExitStack() as stack:
            stack.callback(self._stack.close)
            self.process.end(Told())


def run_alone(recording: Recording, conditions: Conditions, seen: Sequence[str], cancel: Event | None = None) -> Ran:
    """Runs one request again, in a process of its own. Raises Cancelled."""
    batch = Batch(conditions, written=recording.written)
    try:
        return batch.run(recording, seen, cancel)
    finally:
        batch.close()


def _network(conditions: Conditions, let: Allowed) -> tuple[Network, str]:
    if not conditions.namespace:
        return "open", "it is switched off"
    if let.by_network:
        return "ports", f"{', '.join(f'{host}:{port}' for host, port in let.by_network)} is allowed"
    return "namespace", ""
