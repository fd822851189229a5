"""`flux incident replay`, as a user sees it."""

import json
import sys
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from flux_ls.cli.incident_replay import show_end, summary
from flux_ls.cli.terminal import Terminal
from flux_ls.replay.replay import summed_up
from flux_ls.replay.shapes import Guard, Outcome, Replayed
from tests import checkout
from tests.cli.conftest import Flux
from tests.recorded import Recorded
from tests.telemetry import RECORDER, http, span
from tests.telemetry import recorded as told

APP = """\
from flask import Flask

app = Flask(__name__)


@app.get("/total/<int:n>")
def total(n):
    return {"total": 100 // n}
"""


def get(path: str, status: int) -> dict[str, str]:
    return told({"method": "GET", "path": path, "headers": {"host": "shop"}}, {"status": status, "headers": {}})


def add(project: Recorded, path: str, status: int) -> str:
    return project.add(http("GET", path, status, attributes=get(path, status)), resource=RECORDER)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "it takes ids, or a window"),
        (("550e", "--window", "30m"), "it takes ids, or a window"),
        (("--window", "soon"), "is no time: give"),
        (("--window", "14:00-14:30", "--from", "13:00"), "--window goes without --from and --to"),
        (("--from", "15:00", "--to", "2020-01-01"), "ends (2020-01-01) before it begins"),
        (("550e", "--fill", "password"), "'password' is not NAME=VALUE"),
        (("550e", "--allow", "shop.example:80"), "is no service of this machine: give localhost:PORT"),
        (("550e", "--allow", "localhost"), "is no service of this machine"),
        (("550e", "--timeout", "0"), "0.0 is not in the range"),
        (("x",), "x"),
    ],
)
def test_wrong_use(flux: Flux, recorded: Recorded, words: tuple[str, ...], said: str) -> None:
    add(recorded, "/total/0", 500)
    ran = flux("incident", "replay", *words)
    assert (ran.code, ran.out) == (2, "")
    assert said in ran.err


def test_ids_that_name_nothing(flux: Flux, recorded: Recorded) -> None:
    add(recorded, "/total/0", 500)
    assert flux("incident", "replay", "0123456789").code == 3
    assert flux("incident", "replay", "--window", "2020-01-01..2020-01-02").code == 3


def test_what_ran_another_project_is_left_out(flux: Flux, recorded: Recorded, tmp_path: Path) -> None:
    """All projects share the store, and its answer here would be that nobody knows the path: no failure any more."""
    other = tmp_path / "billing.py"
    other.write_text("def bill():\n    pass\n")
    code = {"code.file.path": str(other), "code.line.number": 1, "code.function.name": "bill"}
    id = recorded.add(http("GET", "/bill", 500, attributes=get("/bill", 500) | code), resource=RECORDER)
    said = f"flux: left out: 1 request ran the code of another project ({other}): ask there\n"
    for words in ((id,), ("--window", "1h")):
        ran = flux("incident", "replay", *words)
        assert (ran.code, ran.out, ran.err) == (3, "", said)


def test_a_store_that_is_not_there(flux: Flux) -> None:
    assert flux("incident", "replay", "--window", "30m").code == 5


def test_what_cannot_be_replayed_is_skipped_with_the_mend(flux: Flux, recorded: Recorded) -> None:
    post = recorded.add(http("POST", "/signup", 500))
    job = recorded.add(span("nightly", kind="internal"))
    ran = flux("incident", "replay", post, job)
    assert ran.code == 1, "nothing was verified"
    assert ran.out.splitlines() == [
        "",
        f"  - req:{post[:8]} POST /signup skipped ← was 500",
        "     └─ what came in with it was not recorded",
        "     └─ record it with `flux run -- CMD`, which keeps what came in",
        f"  - req:{job[:8]} nightly      skipped ← was ok",
        "     └─ it is the run of a program",
        "     └─ only HTTP requests can be replayed",
        "",
        "  0 replayed · 0 passing · 0 still failing · 2 skipped",
        "",
    ]


def test_json_has_the_documented_shape(flux: Flux, recorded: Recorded) -> None:
    id = recorded.add(http("POST", "/signup", 500))
    ran = flux("incident", "replay", "-", "--json", stdin=json.dumps({"id": id}) + "\n")
    [answer] = ran.json
    assert {"requests", "passing", "failing", "guard"} <= answer.keys()
    [one] = answer["requests"]
    assert {"request_id", "name", "was", "now", "duration_ms", "outcome", "reason", "diff"} <= one.keys()
    assert (one["request_id"], one["outcome"], one["was"], one["now"]) == (id, "skipped", 500, None)
    assert answer["guard"] is None


def answer(outcome: Outcome, was: int, now: int | None, guard: Guard | None = "namespace", **more: object) -> Replayed:
    return Replayed(
        request_id="550e8400" + "0" * 24,
        name="POST /signup",
        method="POST",
        path="/signup",
        was=was,
        now=now,
        duration_ms=81.4,
        outcome=outcome,
        reason=None,
        diff=None,
        was_failed=was >= 500,
        guard=guard,
        **more,  # type: ignore[arg-type]
    )


GOOD, BAD = answer("passing", 500, 200), answer("failing", 500, 500)


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ([GOOD] * 22 + [BAD], "23 replayed · 22 passing · 1 still failing"),
        ([GOOD], "1 replayed · 1 passing · 0 still failing"),
        ([GOOD, answer("failing", 200, 500)], "2 replayed · 1 passing · 0 still failing · 1 failing now"),
        (
            [BAD, answer("blocked", 500, 500), answer("skipped", 500, None, None), answer("error", 500, None)],
            "2 replayed · 0 passing · 1 still failing · 1 blocked · 1 skipped · 1 could not run",
        ),
    ],
)
def test_the_sum(answers: list[Replayed], expected: str) -> None:
    assert summary(Terminal({"NO_COLOR": "1"}), summed_up(answers)) == expected


def test_the_guard_that_is_told_is_the_weakest(capsys: pytest.CaptureFixture[str]) -> None:
    both = summed_up([GOOD, answer("passing", 500, 200, "python", notes=("it is\x1b[31m so",))])
    assert both.guard == "python"
    show_end(Terminal({"NO_COLOR": "1"}), both)
    lines = capsys.readouterr().out.splitlines()
    assert "  side effects off, by Python's hooks" in lines
    assert "  it is\\x1b[31m so" in lines


@pytest.mark.slow
def test_a_fix_is_seen(flux: Flux, recorded: Recorded, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    source = recorded.write("shop/web.py", APP)
    monkeypatch.setenv("FLUX_PYTHON", sys.executable)
    id, fine = add(recorded, "/total/0", 500), add(recorded, "/total/5", 200)
    ran = flux("incident", "replay", id, fine[:8], "-j", "1")
    assert ran.code == 1
    first, second = (line for line in ran.out.splitlines() if "req:" in line)
    assert first.startswith(f"  ✗ req:{id[:8]} GET /total/0 500 ")
    assert first.endswith("← was 500")
    assert second.startswith(f"  ✔ req:{fine[:8]} GET /total/5 200 ")
    assert "     └─ ZeroDivisionError: integer division or modulo by zero" in ran.out
    assert "  2 replayed · 1 passing · 1 still failing" in ran.out.splitlines()

    source.write_text(APP.replace("100 // n", "100 // n if n else 0"))
    window = (
        f"{(datetime.now().astimezone() - timedelta(hours=1)).isoformat()}..{datetime.now().astimezone().isoformat()}"
    )
    ran = flux("incident", "replay", "--window", window, "--errors-only", "--diff")
    assert ran.code == 0, ran.out + ran.err
    assert "  1 replayed · 1 passing · 0 still failing" in ran.out.splitlines()
    assert "Fix verified" in ran.out

    monkeypatch.setenv("FORCE_COLOR", "1")
    assert "\x1b[32m✔" in flux("incident", "replay", id).out


def test_a_regression_test_is_written_and_nothing_runs(flux: Flux, recorded: Recorded) -> None:
    recorded.write("shop/web.py", APP + "\nraise SystemExit('this ran')\n")
    id, other = add(recorded, "/total/0", 500), add(recorded, "/total/5", 200)
    ran = flux("incident", "replay", id, other, "--write-test")
    assert ran.code == 0, ran.err
    name = f"tests/test_get_total_0_{id[:8]}.py"
    assert f"  wrote {name}" in ran.out.splitlines()
    text = (recorded.root / name).read_text()
    assert 'importlib.import_module("shop.web")' in text
    assert "assert status < 500" in text
    again = json.loads(flux("incident", "replay", id, "--json", "--write-test").out)
    assert [each["path"] for each in again["tests"]] == [name.replace(".py", "_2.py")]
    file = recorded.root / "checks" / "deep" / "test_total.py"
    assert flux("incident", "replay", id, "--write-test", str(file)).code == 0
    assert "parents[2]" in file.read_text()
    ran = flux("incident", "replay", id, "--write-test", str(file))
    assert (ran.code, "File exists" in ran.err) == (1, True)
    ran = flux("incident", "replay", id, "--write-test", str(recorded.root.parent / "test_total.py"))
    assert (ran.code, "where the application is" in ran.err) == (1, True)
    ran = flux("incident", "replay", id, other, "--write-test", "test_both.py")
    assert (ran.code, "takes one request" in ran.err) == (2, True)


@pytest.mark.slow
def test_each_request_runs_in_the_project_that_its_code_is_in(
    flux: Flux, recorded: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Asked in the root of a checkout, or in another project of it."""
    checkout.new(recorded.root)
    recorded.payments.unlink()
    gate = APP.replace("100 // n", "1")
    recorded.write("pyproject.toml", "[tool.flux]\napp = 'nobody:app'\n")
    ids = []
    for name, text in (("shop", APP), ("gate", gate)):
        # Of two applications, the project's own file says which it is.
        recorded.write(f"services/{name}/pyproject.toml", f"[tool.flux]\napp = '{name}:app'\n")
        recorded.write(f"services/{name}/other.py", APP.replace("total", "nothing"))
        file = recorded.write(f"services/{name}/{name}.py", text)
        code = {"code.file.path": str(file), "code.line.number": 7, "code.function.name": "total"}
        ids.append(
            recorded.add(http("GET", "/total/0", 500, attributes=get("/total/0", 500) | code), resource=RECORDER)
        )
    for folder in (".", "services/gate"):
        monkeypatch.chdir(recorded.root / folder)
        [answer] = flux("incident", "replay", *ids, "--python", sys.executable, "--json").json
        assert [(each["request_id"], each["outcome"], each["now"]) for each in answer["requests"]] == [
            (ids[0], "failing", 500),
            (ids[1], "passing", 200),
        ], answer
        assert (answer["passing"], answer["failing"]) == (1, 1)
    monkeypatch.chdir(recorded.root)
    ran = flux("incident", "replay", *ids, "--write-test")
    assert ran.out.splitlines() == [
        f"  wrote services/shop/tests/test_get_total_0_{ids[0][:8]}.py",
        f"  wrote services/gate/tests/test_get_total_0_{ids[1][:8]}.py",
    ], ran
    detail = {each["name"]: each["detail"] for each in flux("doctor", ids[0], "--json").json[0]["checks"]}["project"]
    assert detail.startswith("services/shop, run by ")
    assert f"app from pyproject.toml ({recorded.root / 'services/shop/pyproject.toml'})" in detail
