"""`flux trace debug` as it reads, all at once and key by key on a real terminal."""

import os
import re
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from flux_ls.cli.walk import PROMPT
from tests.recorded import Recorded
from tests.signup import record
from tests.telemetry import http, recorded, row, span, transaction

from .conftest import Flux


def test_the_steps(flux: Flux, recorded: Recorded) -> None:
    id = record(recorded, None, fails=True)
    assert (
        flux("trace", "debug", id).out
        == f"""
  POST /signup  500  60ms  req:{id[:8]}  shop  5 spans, 1 of messages, connections and drivers not shown

  Span 1/4  POST /signup  60ms
  in  : POST /signup  {{email: "alice@example.com", plan: null}}
  out : 500  {{error: "try again"}}
  out : TimeoutError: Stripe API timeout
  at  : shop/payments.py : line 6  in charge

  Span 2/4  create_user   8ms
  in  : {{email: "alice@example.com", plan: null}}
  out : User(id=42, email="alice@example.com")
  row : users id=42  inserted  plan: free  (rolled back)
  row : users id=42  plan: free → null  (rolled back)
  now : users id=42  plan=null  (not committed, and rolled back later)

  Span 3/4  charge        30ms
  in  : {{amount: 2900}}
  out : TimeoutError: Stripe API timeout
  now : users id=42  plan=null  (not committed, and rolled back later)
  at  : shop/payments.py : line 6  in charge

  Span 4/4  transaction   50ms
  out : rolled back
  now : users id=42  does not exist  (rolled back)

"""
    )


def test_rows_stand_for_an_output_that_was_not_recorded(flux: Flux, recorded: Recorded) -> None:
    changes = [row("users", {"id": n}, after={"id": n}, by="create", at_ms=n) for n in (1, 2)]
    root = http("POST", "/", children=[span("create"), transaction("committed", *changes, start_ms=1, ms=5)])
    out = flux("trace", "debug", recorded.add(root)).out
    assert (
        "  Span 2/3  create       10ms\n"
        "  out : users id=1  inserted  (committed)\n"
        "  row : users id=2  inserted  (committed)\n"
        "  now : users id=1  (not committed yet)\n"
    ) in out


def test_plain_opentelemetry_says_what_it_can(flux: Flux, recorded: Recorded) -> None:
    calls = [
        span(
            "SELECT", kind="client", attributes={"db.system.name": "sqlite", "db.query.text": "SELECT *\n  FROM users"}
        ),
        span(
            "POST",
            kind="client",
            attributes={"http.request.method": "POST", "url.full": "http://x/pay", "http.response.status_code": 402},
        ),
    ]
    out = flux("trace", "debug", recorded.add(http("GET", "/a", children=calls))).out
    assert "in  : GET /a\n  out : 200\n" in out
    assert "in  : SELECT * FROM users\n" in out
    assert "in  : POST http://x/pay\n  out : 402\n" in out


def test_row_changes_that_were_not_kept_are_counted(flux: Flux, recorded: Recorded) -> None:
    told = {"flux.transaction.outcome": "committed", "flux.rows.omitted": 1500}
    id = recorded.add(http("GET", "/a", children=[span("transaction", attributes=told)]))
    assert "out : committed  and 1,500 more row changes not recorded\n" in flux("trace", "debug", id).out
    assert "(committed)  and 1,500 more row changes not recorded\n" in flux("trace", id).out


def test_json_has_all_spans_with_the_rows_at_each(flux: Flux, recorded: Recorded) -> None:
    id = record(recorded, None, fails=True)
    (answer,) = flux("trace", "debug", id, "--json").json
    (plain,) = flux("trace", id, "--json").json
    shapes = {shape["span_id"]: shape for shape in plain["spans"]}
    assert len(shapes) == len(answer["spans"])
    for step in answer["spans"]:
        assert {**step, **shapes[step["span_id"]]} == step
    assert answer["spans"][2]["rows_state"] == [
        {
            "table": "users",
            "key": {"id": 42},
            "exists": True,
            "columns": {"id": 42, "plan": None},
            "pending": True,
            "outcome": "rolled_back",
        }
    ]


def test_recorded_text_can_do_nothing(flux: Flux, recorded: Recorded) -> None:
    evil = "\x1b[2J\u202e\x9b\n"
    changes = [row(evil, {evil: evil}, before={evil: evil}, after={evil: [evil]}, by="a")]
    told = recorded_input = {evil: evil, "deep": {evil: [evil, {"$type": evil, "x": {"$repr": evil}}]}}
    root = http(
        "POST",
        "/" + evil,
        500,
        children=[span("a", attributes={**_told(told), "db.query.text": evil}), transaction("committed", *changes)],
        attributes=_told({"method": evil, "path": evil, "query": evil, "body": recorded_input, evil: evil}),
        raises=recorded.timeout(),
    )
    id = recorded.add(root)
    for words in (("trace", "debug", id), ("trace", id), ("why", id)):
        out = flux(*words).out
        assert all(line.isprintable() for line in out.split("\n")), out


def _told(input: object) -> dict[str, str]:
    return recorded(input, input)


def test_ids_end_as_everywhere(flux: Flux, recorded: Recorded) -> None:
    one, two = record(recorded), record(recorded)
    assert flux("trace", "debug", "ffff").code == 3
    ran = flux("trace", "debug", one, two, "--json")
    assert [each["request"]["id"] for each in ran.json] == [one, two]
    ran = flux("trace", "debug", "-", "--json", stdin=f"{one} {two}")
    assert [each["request"]["id"] for each in ran.json] == [one, two]
    assert flux("trace", "--json", "debug", one).json[0]["spans"][2]["rows_state"]
    assert flux("trace", "--store", str(recorded.store), "debug", one).out.startswith("\n  POST /signup")


def test_an_alias_may_be_called_like_a_subcommand(flux: Flux, recorded: Recorded) -> None:
    id = recorded.add(http("GET", "/a", attributes={"request_id": "debug"}))
    assert f"req:{id[:8]}" in flux("trace", "--", "debug").out
    assert f"req:{id[:8]}" in flux("trace", "req:debug").out
    ran = flux("trace", "debug")
    assert ran.code == 2
    assert "flux trace debug --help" in ran.err


# On a terminal


class Screen:
    """A `flux` on a pseudo-terminal: keys go in, and what it shows comes out."""

    def __init__(self, *words: str, cwd: Path, environ: dict[str, str]) -> None:
        import fcntl
        import pty
        import termios

        self._main, other = pty.openpty()
        environ = {**{k: v for k, v in os.environ.items() if k not in ("VISUAL", "EDITOR", "NO_COLOR")}, **environ}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "flux_ls.cli", *words],
            cwd=cwd,
            env={"TERM": "xterm", "PYTHONPATH": str(Path.cwd()), **environ},
            stdin=other,
            stdout=other,
            stderr=other,
            start_new_session=True,
            # Its own terminal: only then is Ctrl-C a signal.
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )
        os.close(other)

    def until_asked(self) -> str:
        """What it shows up to its question."""
        shown = ""
        deadline = time.monotonic() + 40
        while PROMPT not in shown:
            assert time.monotonic() < deadline, shown
            if select.select([self._main], [], [], 0.1)[0]:
                shown += os.read(self._main, 65536).decode()
        return re.sub(r"\x1b\[[0-9;]*[mK]|\r", "", shown)

    def press(self, key: str) -> str:
        os.write(self._main, key.encode())
        return self.until_asked()

    def end(self, key: str) -> int:
        os.write(self._main, key.encode())
        return self.process.wait(40)

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self._main)


@contextmanager
def screen(project: Recorded, id: str, **environ: str) -> Iterator[Screen]:
    opened = Screen("trace", "debug", id, cwd=project.root, environ={"FLUX_STORE": str(project.store), **environ})
    try:
        yield opened
    finally:
        opened.close()


on_a_terminal = pytest.mark.skipif(sys.platform == "win32", reason="pseudo-terminals are POSIX")


@on_a_terminal
def test_key_by_key(recorded: Recorded) -> None:
    id = record(recorded, None, fails=True)
    with screen(recorded, id) as shown:
        first = shown.until_asked()
        assert "Span 1/4  POST /signup" in first
        assert "Span 2/4" not in first
        assert "Span 2/4  create_user" in shown.press("n")
        assert "Span 3/4  charge" in shown.press("e")
        assert "Span 4/4  transaction" in shown.press("n")
        assert "this is the last one" in shown.press("n")
        assert "Span 1/4" in shown.press("e")
        assert "this is the first one" in shown.press("p")
        assert "Span 2/4" in shown.press(" ")
        assert "Span 3/4" in shown.press("\x1b[B")
        assert "Span 2/4" in shown.press("\x1b[A")
        assert "set $VISUAL or $EDITOR" not in shown.press("o")  # this step has no place in the code
        assert shown.end("q") == 0


@on_a_terminal
@pytest.mark.parametrize("key", ["q", "\x03", "\x04", "\x1b"])
def test_keys_that_end_it(recorded: Recorded, key: str) -> None:
    with screen(recorded, record(recorded)) as shown:
        shown.until_asked()
        assert shown.end(key) == 0


@on_a_terminal
def test_without_errors_and_without_colour(recorded: Recorded) -> None:
    with screen(recorded, record(recorded), NO_COLOR="1") as shown:
        assert "\x1b" not in shown.until_asked()
        assert "none of them has an error" in shown.press("e")


@on_a_terminal
def test_the_editor_opens_at_the_line(recorded: Recorded) -> None:
    editor = recorded.write("my editor/vim", '#!/bin/sh\nprintf "%s\\n" "$@" > "$OPENED"\n')
    editor.chmod(0o755)
    opened = recorded.root / "opened"
    id = record(recorded, None, fails=True)
    with screen(recorded, id, EDITOR=f"'{editor}' -R", OPENED=str(opened)) as shown:
        shown.until_asked()
        shown.press("o")
    assert opened.read_text().splitlines() == ["-R", "+6", str(recorded.payments)]


@on_a_terminal
def test_an_editor_that_cannot_be_started_is_told(recorded: Recorded) -> None:
    with screen(recorded, record(recorded, None, fails=True), VISUAL="/nowhere/vi") as shown:
        shown.until_asked()
        assert "/nowhere/vi could not be started" in shown.press("o")
    with screen(recorded, record(recorded, None, fails=True)) as shown:
        shown.until_asked()
        assert "set $VISUAL or $EDITOR" in shown.press("o")
