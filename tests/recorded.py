"""A project with a store of its own, filled through the real ingest: what answers and commands are tested on."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from flux_ls.collector.ingest import Ingest
from flux_ls.config import Loaded, load
from flux_ls.model import Request
from flux_ls.otlp.batch import TraceExport
from flux_ls.otlp.payload import decode
from flux_ls.source.workspace import Workspace
from flux_ls.store.reader import Reader
from tests.telemetry import Raises, SpanNode, http, logs, new_trace_id, span, traces

PAYMENTS = """\
import stripe


def charge(amount):
    if amount > 100:
        raise TimeoutError("Stripe API timeout")
    return stripe.charge(amount)


def signup(form):
    return charge(form["amount"])
"""
FAULT_LINE, CALL_LINE = 6, 11


class Recorded:
    """`root` is the project, `store` what was recorded of it."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "project"
        self.store = folder / "store" / "flux.db"
        self.write("pyproject.toml", "[project]\nname = 'shop'\n")
        self.payments = self.write("shop/payments.py", PAYMENTS)

    def write(self, path: str, text: str) -> Path:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        return file

    def timeout(self, under: str | None = None) -> Raises:
        """What `signup` dies of, as recorded with the project at `under`."""
        file = f"{under or self.root}/shop/payments.py"
        return Raises(
            "TimeoutError",
            "Stripe API timeout",
            (
                (file, CALL_LINE, "signup", 'return charge(form["amount"])'),
                (file, FAULT_LINE, "charge", 'raise TimeoutError("Stripe API timeout")'),
            ),
        )

    def failing_signup(self, under: str | None = None) -> SpanNode:
        """`POST /signup` that died in its second span."""
        fault = self.timeout(under)
        return http(
            "POST",
            "/signup",
            500,
            route="/signup",
            ms=44,
            raises=fault,
            children=[span("load user", start_ms=1, ms=4), span("charge", start_ms=6, ms=30, raises=fault)],
        )

    def add(self, root: SpanNode, **how: Any) -> str:
        """Records a trace, or the part of it that `how` picks as `tests.telemetry.traces` does; returns its id."""
        trace_id = how.pop("trace_id", None) or new_trace_id()
        ingest = Ingest(self.store)
        try:
            ingest.traces(traces(root, trace_id=trace_id, **how))
        finally:
            ingest.close()
        return str(trace_id)

    def keep(self, body: bytes) -> None:
        """What a recorder sent, as it came."""
        ingest = Ingest(self.store)
        try:
            ingest.traces(decode(body, "protobuf", TraceExport), body)
        finally:
            ingest.close()

    def add_log(self, root: SpanNode, raises: Raises, **how: Any) -> None:
        """Records an exception of a trace as a log record."""
        ingest = Ingest(self.store)
        try:
            ingest.logs(logs(root, raises, **how))
        finally:
            ingest.close()

    @contextmanager
    def reader(self) -> Iterator[Reader]:
        with Reader(self.store) as reader:
            yield reader

    def request(self, id: str) -> Request:
        with self.reader() as reader:
            return reader.request(id)

    def workspace(self, *path_map: str) -> Workspace:
        return Workspace([self.root], path_map)

    def loaded(self, **flags: object) -> Loaded:
        """Settings for the project with its own store, and ports that nobody listens on."""
        return load(self.root, {}, flags={"store": str(self.store), **flags})
