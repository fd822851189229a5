"""An answer of 200 is a promise: the spans survive the death of the collector at any moment after it."""

import http.client
import random
import signal
import threading
import time
from pathlib import Path

import pytest

from flux_ls.config import Settings
from flux_ls.store.reader import Reader
from flux_ls.store.retention import prune
from tests.collector.processes import Serving, until
from tests.telemetry import Raises, new_trace_id, span, traces
from tests.telemetry import http as http_span

KILLS = 50
LOST = Raises("KeyError", "'plan'", (("/srv/shop/shop/plans.py", 7, "plan_of", "return PLANS[name]"),))


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_every_span_that_was_answered_200_survives_kill_9(tmp_path: Path) -> None:
    chance = random.Random(20251122)
    settings = Settings(store=tmp_path / "flux.db", otlp_http_port=0, otlp_grpc_port=0)
    acknowledged: list[str] = []
    for round_ in range(KILLS):
        serving = Serving(settings, "store", quick=True)
        port = serving.ready().http_port
        before = len(acknowledged)
        stop = threading.Event()
        senders = [threading.Thread(target=_send, args=(port, stop, acknowledged, number)) for number in range(2)]
        for sender in senders:
            sender.start()
        if round_ % 5:
            # On a busy machine much time may pass before the first is taken. One in five rounds may end before that.
            until(lambda before=before: len(acknowledged) > before + 1)
        time.sleep(chance.uniform(0.0, 0.25))  # the random moment
        if round_ % 10 == 5:
            prune(settings.store, days=7, bytes=0, now_ns=0)
        serving.process.send_signal(signal.SIGKILL)
        serving.process.communicate()
        stop.set()
        for sender in senders:
            sender.join()
    assert len(acknowledged) > KILLS, "hardly anything was sent: the test would prove nothing"
    with Reader(settings.store) as reader:
        kept = {request.id: request.spans for request in reader.requests()}
        lost = [trace_id for trace_id in acknowledged if kept.get(trace_id) != 3]
        assert not lost, f"{len(lost)} of {len(acknowledged)} acknowledged requests are not there"
        for trace_id in chance.sample(acknowledged, 20):
            assert len(reader.spans(trace_id)) == 3
    print(f"{len(acknowledged)} requests were acknowledged through {KILLS} kills, and all are there")


def _send(port: int, stop: threading.Event, acknowledged: list[str], number: int) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    while not stop.is_set():
        trace_id = new_trace_id()
        raises = LOST if number else None
        root = http_span("GET", "/x", 500 if number else 200, raises=raises, children=[span("a"), span("b", ms=3)])
        body = traces(root, trace_id=trace_id).SerializeToString()
        try:
            connection.request("POST", "/v1/traces", body, {"Content-Type": "application/x-protobuf"})
            response = connection.getresponse()
            response.read()
            assert response.status == 200
            acknowledged.append(trace_id)
        except (OSError, http.client.HTTPException):
            return
