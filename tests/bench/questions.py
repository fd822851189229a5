"""What the editor asks, with ten thousand and with a million spans stored: latency and the server's memory."""

import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from flux_ls.collector.ingest import Ingest
from flux_ls.demo.client import LanguageClient
from flux_ls.lsp.lookup import Lookup
from flux_ls.model import Frame
from flux_ls.otlp.stacktrace import InAppRule
from flux_ls.store.reader import Reader
from tests.bench import workload

_SMALL, _LARGE = 10_000, 1_000_000
_ROUNDS = 300
_REQUESTS_AN_EXPORT = 1000
_BARS_MS = {"diagnostics": 10.0, "lenses": 10.0, "hover": 5.0, "why": 30.0, "requests": 30.0, "samples": 30.0}
_A_PAGE = 100
_SPANS_OF_ONE = 1208
_MEMORY_BAR_MB = 120


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        small, large = _Editor(Path(folder) / "small", _SMALL), _Editor(Path(folder) / "large", _LARGE)
        try:
            for name, bar in _BARS_MS.items():
                pairs = [(small.timed(name), large.timed(name)) for _ in range(_ROUNDS)]
                ratio = statistics.median(one for _, one in pairs) / statistics.median(one for one, _ in pairs)
                p95 = statistics.quantiles([one for _, one in pairs], n=20)[-1] * 1000
                print(
                    f"{name}: {ratio:.2f} with {_LARGE:,} spans against {_SMALL:,}, bar 1.50;"
                    f" p95 {p95:.1f} ms, bar {bar:.0f} ms"
                )
            print(f"memory of the server: {large.memory_mb():.0f} MB, bar {_MEMORY_BAR_MB} MB")
            p95 = statistics.quantiles(_first_reads(Path(folder) / "one.db"), n=20)[-1] * 1000
            print(
                f"what a hover reads of a request of {_SPANS_OF_ONE:,} spans, the first time:"
                f" p95 {p95:.1f} ms, bar {_BARS_MS['hover']:.0f} ms"
            )
        finally:
            small.client.kill()
            large.client.kill()


class _Editor:
    """An editor with a file open, beside a store of so many spans."""

    def __init__(self, folder: Path, spans: int) -> None:
        store, project = folder / "flux.db", folder / "shop"
        _write_project(project)
        _fill(store, spans)
        with Reader(store) as reader:
            failed = next(request for request in reader.requests(bad_only=True, newest_first=True) if request.failed)
            (issue, *_) = reader.issues_of(failed.id)
            middle = list(reader.requests())[spans // workload.SPANS_PER_REQUEST // 2]
        self.client = LanguageClient([sys.executable, "-m", "flux_ls.lsp"], project)
        self.client.initialize({"store": str(store), "collector": False})
        self._file = project / "shop" / "payments.py"
        self._uri = self.client.open(self._file)
        self.client.diagnostics(self._uri)
        self._document = {"textDocument": {"uri": self._uri}}
        self._commands = {
            "why": {"id": failed.id},
            # From the middle of the store, as who scrolls back would.
            "tail": {"limit": _A_PAGE, "before": f"{middle.started_ns}-0"},
            "samples": {"fingerprint": issue.failure.fingerprint},
        }
        for name in _BARS_MS:
            assert self._ask(name), f"no answer to {name}: nothing would be measured"

    def timed(self, name: str) -> float:
        begin = time.perf_counter()
        self._ask(name)
        return time.perf_counter() - begin

    def memory_mb(self) -> float:
        status = Path(f"/proc/{self.client.process.pid}/status").read_text()
        return int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmRSS"))) / 1024

    def _ask(self, name: str) -> object:
        match name:
            case "diagnostics":
                self.client.notify("textDocument/didClose", self._document)
                self.client.open(self._file)
                return self.client.diagnostics(self._uri)
            case "lenses":
                return self.client.request("textDocument/codeLens", self._document)
            case "hover":
                return self.client.request(
                    "textDocument/hover", {**self._document, "position": {"line": 41, "character": 10}}
                )
            case "requests":
                return self._command("tail")["requests"]
            case _:
                return self._command(name)

    def _command(self, name: str) -> Any:
        asked = {"command": f"flux.server.{name}", "arguments": [self._commands[name]]}
        return self.client.request("workspace/executeCommand", asked)


def _first_reads(store: Path) -> list[float]:
    """Seconds for what was recorded at the fault of a large request, with nothing remembered of it."""
    message = workload.export(1, failing=1, start_ns=time.time_ns(), recorded=True)
    (spans,) = (scope.spans for group in message.resource_spans for scope in group.scope_spans)
    for number in range(_SPANS_OF_ONE - len(spans)):
        copy = spans.add()
        copy.CopyFrom(spans[0])
        copy.span_id = (number + 1).to_bytes(8, "big")
    ingest = Ingest(store)
    ingest.traces(message)
    ingest.close()
    fault, id = Frame("/srv/shop/shop/payments.py", 42, "charge", in_app=True), spans[0].trace_id.hex()
    took = []
    for _ in range(_ROUNDS):
        lookup = Lookup(store, InAppRule())
        lookup.reader()
        begin = time.perf_counter()
        found = lookup.at(id, fault)
        took.append(time.perf_counter() - begin)
        assert found.request.spans == _SPANS_OF_ONE
        assert found.rows, "nothing recorded was found"
        lookup.reader().close()
    return took


def _fill(store: Path, spans: int) -> None:
    ingest = Ingest(store)
    requests = spans // workload.SPANS_PER_REQUEST
    start_ns = time.time_ns() - requests * 1_000_000
    for done in range(0, requests, _REQUESTS_AN_EXPORT):
        at_ns = start_ns + done * 1_000_000
        ingest.traces(workload.export(_REQUESTS_AN_EXPORT, start_ns=at_ns, seed=done, recorded=True))
    ingest.close()


def _write_project(folder: Path) -> None:
    package = folder / "shop"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "views.py").write_text("def signup(form):\n" + "    create_user(form)\n" * 40)
    (package / "users.py").write_text("\n" * 29 + "def create_user(user):\n    charge(user)\n")
    (package / "payments.py").write_text(
        "\n" * 39 + 'def charge(user):\n    # the provider\n    raise StripeTimeout("Stripe API timeout")\n'
    )
    shutil.copytree(package, folder / "tools" / "shop_admin")


if __name__ == "__main__":
    main()
