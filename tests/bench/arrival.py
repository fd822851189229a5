"""From an OTLP export accepted to its diagnostic arriving at the client: collector and server as users run them."""

import http.client
import statistics
import sys
import tempfile
import time
from pathlib import Path

from flux_ls.demo.client import LanguageClient
from tests.bench.collector import started
from tests.telemetry import Raises, traces
from tests.telemetry import http as http_span

_ROUNDS = 100
_BAR_MS = 100


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        file = root / "shop.py"
        file.write_text("".join(f"def step_{number}():\n    return {number} / 0\n" for number in range(_ROUNDS)))
        process, port = started(root / "flux.db")
        client = LanguageClient([sys.executable, "-m", "flux_ls.lsp"], root)
        try:
            client.initialize({"store": str(root / "flux.db"), "collector": False})
            uri = client.open(file)
            seconds = [_round(client, uri, file, port, number) for number in range(_ROUNDS)]
            client.shut_down()
        finally:
            client.kill()
            process.terminate()
            process.wait(10)
    p95 = statistics.quantiles(seconds, n=20)[-1] * 1000
    print(f"accepted to diagnostic: p95 {p95:.0f} ms, bar {_BAR_MS} ms; p50 {statistics.median(seconds) * 1000:.0f} ms")


def _round(client: LanguageClient, uri: str, file: Path, port: int, number: int) -> float:
    line = 2 * number + 2
    raises = Raises(
        "ZeroDivisionError", "division by zero", ((str(file), line, f"step_{number}", f"return {number} / 0"),)
    )
    body = traces(http_span("GET", f"/step/{number}", 500, route=f"/step/{number}", raises=raises)).SerializeToString()
    connection = http.client.HTTPConnection("127.0.0.1", port)
    connection.request("POST", "/v1/traces", body, {"Content-Type": "application/x-protobuf"})
    assert connection.getresponse().status == 200
    accepted = time.perf_counter()
    while all(one["range"]["start"]["line"] != line - 1 for one in client.diagnostics(uri)):
        pass
    return time.perf_counter() - accepted


if __name__ == "__main__":
    main()
