"""An incident, and the way out of it: a window of 23 requests, run again after each attempt at a fix, until none fails.

The payment provider calls the amount something else from one day to the next, and says nothing of it where nothing is
to be paid. Not one charge is made, and no row written, by what is run again.
"""

import json
import os
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.collector import FLUX, Collector
from tests.e2e.launch import Hit, Service, ask, launch, recorded
from tests.e2e.processes import eventually, free_ports

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

BROKEN = 'cents=charge["amount"]'
ATTEMPT = 'cents=charge["amount_cents"]'
FIX = 'cents=charge.get("amount_cents", PRICES[plan])'
SIGN_UPS = 19
VISITS = 3


class Provider:
    """Takes payments, counts them, and has its own idea of an answer."""

    def __init__(self) -> None:
        self.charges = 0
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                charge = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                provider.charges += 1
                told: dict[str, Any] = {"id": f"ch_{charge['customer']}", "paid": True}
                if charge["amount"]:
                    told["amount_cents"] = charge["amount"]
                body = json.dumps(told).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def port(self) -> int:
        return int(self.server.server_address[1])


@contextmanager
def provider() -> Iterator[Provider]:
    one = Provider()
    try:
        yield one
    finally:
        one.server.shutdown()
        one.server.server_close()


@pytest.fixture
def own_collector(tmp_path: Path) -> Iterator[Collector]:
    (tmp_path / "flux").mkdir()
    with Collector(tmp_path / "flux") as running:
        yield running


def test_a_window_until_none_fails(projects: Path, own_collector: Collector, tmp_path: Path) -> None:
    folder = projects / "flask_signup"
    accounts = folder / "signup" / "accounts.py"
    before = accounts.read_text(encoding="utf-8")
    assert BROKEN in before
    try:
        with provider() as payments:
            _incident(folder, accounts, own_collector, payments, tmp_path)
    finally:
        accounts.write_text(before, encoding="utf-8")


def _incident(folder: Path, accounts: Path, collector: Collector, payments: Provider, scratch: Path) -> None:
    database = scratch / "signup.db"
    environ = {
        "DATABASE_URL": f"sqlite:///{database}",
        "PROVIDER_URL": f"http://127.0.0.1:{payments.port}",
        "PROVIDER_KEY": "none",
    }
    [port] = free_ports(1)
    argv = ("flask", "--app", "signup.web", "run", "--port", "{port}")
    service = Service("signup", "flask_signup", argv, env=environ)
    hits = [Hit("POST", "/signup", 500, {"email": f"user{n}@example.org", "plan": "pro"}) for n in range(SIGN_UPS)]
    hits += [
        Hit("POST", "/signup", 500, {"email": "nobody@example.org", "plan": "free", "password": "hunter2-hunter2"})
    ]
    hits += [Hit("GET", "/users/41", 200)] * VISITS
    first = datetime.now().astimezone()
    with launch(service, folder.parent, recorded(collector.environment), scratch, {"signup": port}) as process:
        process.listen(port)
        for hit in hits:
            assert int(ask(port, hit).split(b" ", 2)[1]) == hit.status
        process.stop()
    last = datetime.now().astimezone()

    def arrived() -> bool:
        told = collector.flux("tail", "--no-follow", "--since", "1h", "--service", "signup", cwd=folder)
        return len([one for one in told if one["method"] is not None and one["complete"]]) == len(hits)

    eventually(arrived, within=20, what="the requests to arrive")
    charged, stored = payments.charges, database.read_bytes()
    assert charged == SIGN_UPS + 1

    def replay(*words: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [FLUX, "incident", "replay", *words, "--service", "signup", "--store", str(collector.store)],
            cwd=folder,
            env=collector.environment | environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=200,
        )

    window = f"{first.isoformat()}..{last.isoformat()}"
    text = accounts.read_text(encoding="utf-8")
    accounts.write_text(text.replace(BROKEN, ATTEMPT), encoding="utf-8")
    done = replay("--window", window)
    assert done.returncode == 1, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    assert "  23 replayed · 22 passing · 1 still failing" in lines, done.stdout
    passing = [line for line in lines if line.startswith("  ✔ req:") and "POST /signup" in line]
    assert len(passing) == SIGN_UPS
    assert all(" 201 " in line and line.endswith("← was 500") for line in passing)
    [failing] = [line for line in lines if line.startswith("  ✗ req:")]
    assert " 500 " in failing
    assert "     └─ KeyError: 'amount_cents'" in lines
    assert any("side effects off" in line for line in lines)

    accounts.write_text(text.replace(BROKEN, FIX), encoding="utf-8")
    done = replay("--from", first.isoformat(), "--to", last.isoformat(), "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    [answer] = [json.loads(line) for line in done.stdout.splitlines()]
    assert (answer["passing"], answer["failing"], len(answer["requests"])) == (23, 0, 23)
    one = next(each for each in answer["requests"] if each["was"] == 500)
    assert (one["outcome"], one["now"], one["diff"]["verdict"]) == ("passing", 201, "FIXED")
    outcomes = [(row["before"]["outcome"], row["after"]["outcome"]) for row in one["diff"]["rows"] if row["before"]]
    assert ("rolled_back", "committed") in outcomes

    assert payments.charges == charged, "nobody was charged by a replay"
    assert database.read_bytes() == stored
    assert not [name for name in os.listdir(folder) if name.endswith(".db")]  # noqa: PTH208
