"""The whole story under `flux run`: a sign-up that fails in the payment, why, step by step, the fix and its proof."""

import json
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.cases import marked
from tests.e2e.collector import FLUX, Collector
from tests.e2e.launch import Hit, Service, ask, clean_environment, launch, recorded
from tests.e2e.processes import Process, eventually, free_ports

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

KEY = "sk_" + "live_" + "4eC39HqLyjWDarjtT1zdp7dc"
ALICE = Hit("POST", "/signup", 0, {"email": "alice@example.org", "plan": "pro", "password": "hunter2-hunter2"})
BROKEN = """headers = {"Authorization": f"Bearer {KEY}"}"""
MENDED = """headers = {"Authorization": f"Bearer {KEY}", "Idempotency-Key": f"ik_{customer_id}"}"""


class Story:
    """The service and its provider, restarted when the code changes."""

    def __init__(self, projects: Path, collector: Collector, scratch: Path, provider_port: int) -> None:
        self.folder = projects / "flask_signup"
        self.collector = collector
        self.scratch = scratch
        self.port = free_ports(1)[0]
        self.service = Service(
            "signup",
            "flask_signup",
            ("flask", "--app", "signup.web", "run", "--port", "{port}"),
            env={
                "DATABASE_URL": f"sqlite:///{scratch / 'signup.db'}",
                "PROVIDER_URL": f"http://127.0.0.1:{provider_port}",
                "PROVIDER_KEY": KEY,
                "PATIENCE_S": "5",
            },
        )

    @contextmanager
    def up(self) -> Iterator[None]:
        under = recorded(self.collector.environment)
        with launch(self.service, self.folder.parent, under, self.scratch, {"signup": self.port}) as process:
            process.listen(self.port)
            yield
            process.stop()

    def sign_up(self) -> tuple[int, dict[str, Any]]:
        """The status of the answer, and the request as `flux tail` tells it once it has arrived."""
        before = {one["id"] for one in self.tail()}
        status = int(ask(self.port, ALICE).split(b" ", 2)[1])
        new = eventually(
            lambda: [one for one in self.tail() if one["id"] not in before and one["complete"]],
            within=40,
            what="the request to arrive",
        )
        assert len(new) == 1
        return status, new[0]

    def tail(self) -> list[dict[str, Any]]:
        told = self.ask("tail", "--no-follow", "--since", "1h", "--service", "signup")
        return [one for one in told if one["method"] is not None]

    def ask(self, *words: str) -> list[Any]:
        return self.collector.flux(*words, cwd=self.folder)

    def told(self, *words: str, code: int = 0) -> str:
        """What a command prints for people."""
        done = subprocess.run(
            [FLUX, *words, "--store", str(self.collector.store)],
            cwd=self.folder,
            env=self.collector.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout


@pytest.fixture
def own_collector(tmp_path: Path) -> Iterator[Collector]:
    (tmp_path / "flux").mkdir()
    with Collector(tmp_path / "flux") as running:
        yield running


@pytest.fixture
def story(projects: Path, own_collector: Collector, tmp_path: Path) -> Iterator[Story]:
    [port] = free_ports(1)
    with ExitStack() as stack:
        provider = stack.enter_context(
            Process(
                [sys.executable, "-m", "provider", str(port)],
                cwd=projects / "flask_signup",
                env=clean_environment(),
                log=tmp_path / "provider.log",
            )
        )
        provider.listen(port)
        payments = projects / "flask_signup" / "signup" / "payments.py"
        before = payments.read_text(encoding="utf-8")
        stack.callback(payments.write_text, before, encoding="utf-8")
        yield Story(projects, own_collector, tmp_path, port)


def columns(row: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    return {name: (change["before"], change["after"]) for name, change in row["columns"].items()}


def test_from_the_failure_to_the_proof(story: Story) -> None:
    with story.up():
        status, failed = story.sign_up()
    assert status == 500
    assert failed["failed"]
    assert failed["error"].endswith("Stripe API timeout after 5s")

    [why] = story.ask("why", failed["short_id"])
    where = marked("flask_signup", "provider")
    assert why["root_cause"]["type"] == "signup.payments.ProviderTimeout"
    assert (why["location"]["path"], why["location"]["line"]) == (where.path, where.line)
    assert why["location"]["anchor"] == "exact"
    assert why["location"]["locals"]["customer_id"] == "cus_42"
    assert why["input"]["body"] == {"email": "alice@example.org", "plan": "pro", "password": "[redacted]"}
    assert [(row["table"], row["key"], row["operation"], row["outcome"]) for row in why["row_changes"]] == [
        ("users", {"id": 42}, "insert", "rolled_back"),
        ("users", {"id": 42}, "update", "rolled_back"),
    ]
    assert columns(why["row_changes"][1]) == {"plan": ("free", None)}
    assert [frame["function"] for frame in why["frames"]] == ["signup", "subscribe", "create_charge"]

    spans = story.ask("trace", failed["short_id"])[0]["spans"]
    by_name = {span["name"]: span for span in spans}
    assert by_name["create_user"]["input"]["email"] == "alice@example.org"
    assert by_name["create_charge"]["input"] == {"customer_id": "cus_42", "amount": 2900}
    assert by_name["create_charge"]["output"] is None
    assert "Stripe API timeout" in by_name["create_charge"]["error"]
    calls = [span for span in spans if span["kind"] == "client" and span["input"] and "url" in span["input"]]
    assert [call["input"]["body"] for call in calls] == [{"customer": "cus_42", "amount": 2900}]
    assert calls[0]["parent_id"] == by_name["create_charge"]["span_id"]

    printed = story.told("why", failed["short_id"])
    assert "plan : free → null   (rolled back)" in printed
    assert "users id=42" in printed
    steps = story.told("trace", "debug", failed["short_id"])
    assert "create_charge" in steps
    assert "Stripe API timeout after 5s" in steps

    [blame] = story.ask("state", "blame", "users", "--id", "42")
    assert blame["columns"] == []
    assert [row["request_id"] for row in blame["attempts"]] == [failed["id"]] * 2

    payments = story.folder / "signup" / "payments.py"
    payments.write_text(payments.read_text(encoding="utf-8").replace(BROKEN, MENDED), encoding="utf-8")
    with story.up():
        status, good = story.sign_up()
    assert status == 201
    assert not good["failed"]

    [diff] = story.ask("trace", "diff", failed["short_id"], good["short_id"])
    assert diff["verdict"] == "FIXED"
    told = [(row["before"]["outcome"], row["after"]["outcome"]) for row in diff["rows"] if row["change"] == "changed"]
    assert ("rolled_back", "committed") in told
    told = story.told("trace", "diff", failed["short_id"], good["short_id"])
    assert "Fix verified" in told
    assert "rolled back" in told
    assert "committed" in told

    [blame] = story.ask("state", "blame", "users", "--id", "42")
    owners = {
        column["column"]: (column["value"], column["request_id"], column["function"]) for column in blame["columns"]
    }
    assert owners["plan"][:2] == ("pro", good["id"])
    assert owners["email"][:2] == ("alice@example.org", good["id"])
    assert blame["attempts"] == [], "what was tried before somebody wrote it for good is history"
    [history] = story.ask("state", "history", "users", "--id", "42")
    assert [row["outcome"] for row in history["changes"]].count("rolled_back") == 2

    for secret in (KEY, "hunter2-hunter2"):
        assert_nowhere(secret, story)


def assert_nowhere(secret: str, story: Story) -> None:
    with sqlite3.connect(story.collector.store) as store:
        store.execute("PRAGMA wal_checkpoint(FULL)")
    for file in [*story.collector.store.parent.rglob("*"), *story.scratch.glob("*.log")]:
        if file.is_file():
            assert secret.encode() not in file.read_bytes(), file
    answers = [story.ask("why", one["id"]) + story.ask("trace", one["id"]) for one in story.tail()]
    assert secret not in json.dumps(answers)
