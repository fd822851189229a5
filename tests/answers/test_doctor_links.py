"""The whole chain in reality, each link broken by itself: doctor names that one first, and its mend."""

import shutil
import socket
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from flux_ls.answers.doctor import doctor
from flux_ls.answers.shapes import Check, Doctor
from flux_ls.collector.daemon import ensure_collector, stop_collector
from flux_ls.config import Loaded, load
from tests.answers.test_doctor import other_program
from tests.e2e.processes import free_ports
from tests.recorded import FAULT_LINE, PAYMENTS, Recorded
from tests.telemetry import RECORDER, Raises, SpanNode, span
from tests.telemetry import http as http_span

pytestmark = pytest.mark.slow
ORDER = [
    *("settings", "collector", "port", "store", "exporter", "spans", "root spans", "exceptions", "paths"),
    *("recorder", "revision", "line", "editor"),
]


class Chain:
    """A checkout whose service failed, a collector that runs, and an environment that sends to it."""

    def __init__(self, folder: Path, tools: Path) -> None:
        self.recorded = Recorded(folder)
        self.git("init", "--quiet")
        self.revision = self.commit()
        self.http_port, self.grpc_port = free_ports(2)
        self.flags: dict[str, object] = {"otlp_http_port": self.http_port, "otlp_grpc_port": self.grpc_port}
        self.environ = {
            "PATH": str(tools),
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{self.http_port}",
            "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
        }
        self.settings: dict[str, str] = {}

    @property
    def loaded(self) -> Loaded:
        return load(self.recorded.root, self.settings, flags={"store": str(self.recorded.store), **self.flags})

    def git(self, *words: str, folder: Path | None = None) -> str:
        who = ("-c", "user.name=Ada", "-c", "user.email=ada@example.org")
        where = folder or self.recorded.root
        done = subprocess.run(["git", *who, *words], cwd=where, check=True, capture_output=True, text=True, timeout=30)
        return done.stdout.strip()

    def commit(self) -> str:
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", "shop")
        return self.git("rev-parse", "HEAD")

    def fail(self, root: SpanNode | None = None, **resource: object) -> None:
        told: dict[str, Any] = {**RECORDER, "vcs.ref.head.revision": self.revision} | resource
        self.recorded.add(root or self.recorded.failing_signup("/srv/app"), resource=told)

    @contextmanager
    def running(self) -> Iterator[None]:
        settings = self.loaded.settings
        ensure_collector(settings)
        try:
            yield
        finally:
            stop_collector(settings)

    def ask(self, *path_map: str, root: Path | None = None) -> Doctor:
        from flux_ls.source.workspace import Workspace

        return doctor(self.loaded, Workspace([root or self.recorded.root], path_map), self.environ)

    def broken(self, *path_map: str, root: Path | None = None) -> Check:
        broken = self.ask(*path_map, root=root).broken
        assert broken is not None
        return broken


@pytest.fixture
def chain(tmp_path: Path) -> Chain:
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "flux-ls").write_text("#!/bin/sh\n")
    (tools / "flux-ls").chmod(0o755)
    return Chain(tmp_path / "chain", tools)


def test_a_whole_chain_holds_in_its_order(chain: Chain) -> None:
    chain.fail()
    with chain.running():
        answer = chain.ask()
    assert answer.broken is None
    assert [check.name for check in answer.checks] == ORDER
    advice = {check.name: check.mend for check in answer.checks if check.mend is not None}
    assert list(advice) == ["paths"], "that a pair was learned"
    assert 'path_map = ["/srv/app=."]' in advice["paths"]


Break = Callable[[Chain], None]


def wrong_setting(chain: Chain) -> None:
    chain.settings["FLUX_IDLE_EXIT"] = "soon"


def other_port(chain: Chain) -> None:
    (chain.flags["otlp_http_port"],) = free_ports(1)


def sends_elsewhere(chain: Chain) -> None:
    chain.environ["OTEL_EXPORTER_OTLP_ENDPOINT"] = "https://otel.example.com"


def no_store(chain: Chain) -> None:
    for file in chain.recorded.store.parent.glob("flux.db*"):
        if "collector" not in file.name:
            file.unlink()


def newer_store(chain: Chain) -> None:
    with closing(sqlite3.connect(chain.recorded.store)) as connection:
        connection.execute("PRAGMA user_version = 999")
        connection.commit()


def damaged_store(chain: Chain) -> None:
    no_store(chain)
    chain.recorded.store.write_bytes(b"no database at all" * 1000)


def older_store(chain: Chain) -> None:
    with closing(sqlite3.connect(chain.recorded.store)) as connection:
        connection.execute("PRAGMA user_version = 1")
        connection.commit()


def somebody_elses_file(chain: Chain) -> None:
    no_store(chain)
    with closing(sqlite3.connect(chain.recorded.store)) as connection:
        connection.execute("CREATE TABLE mine (id)")
        connection.commit()


def a_folder_for_a_store(chain: Chain) -> None:
    no_store(chain)
    chain.recorded.store.mkdir()


def no_language_server(chain: Chain) -> None:
    (Path(chain.environ["PATH"]) / "flux-ls").unlink()


@pytest.mark.parametrize(
    ("breaks", "link", "detail", "mend"),
    [
        (wrong_setting, "settings", "FLUX_IDLE_EXIT", "flux config"),
        (other_port, "port", "the settings say", "flux serve --stop"),
        (no_store, "store", "there is no store at", "start the collector with 'flux serve'"),
        (newer_store, "store", "newer version of flux", "upgrade flux-ls"),
        (damaged_store, "store", "is damaged", "the collector moves it aside and starts a new one"),
        (a_folder_for_a_store, "store", "cannot be used", "check its permissions"),
        (sends_elsewhere, "exporter", "sends to another machine", "OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:"),
        (no_language_server, "editor", "not installed", "pip install flux-ls"),
    ],
)
def test_what_is_broken_around_a_good_recording(
    chain: Chain, breaks: Break, link: str, detail: str, mend: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    chain.fail()
    with chain.running():
        breaks(chain)
        # No language server lies beside this interpreter.
        monkeypatch.setattr("sys.executable", str(tmp_path / "python"))
        broken = chain.broken()
    assert broken.name == link
    assert detail in broken.detail
    assert broken.mend
    assert mend in broken.mend


def test_nobody_collects(chain: Chain) -> None:
    chain.fail()
    broken = chain.broken()
    assert (broken.name, broken.detail) == ("collector", f"none runs for {chain.recorded.store}")
    assert "flux serve" in (broken.mend or "")


def test_who_starts_the_collector_himself_is_reminded_only(chain: Chain) -> None:
    chain.fail()
    chain.flags["collector"] = False
    answer = chain.ask()
    assert answer.broken is None
    assert "nothing new arrives" in {check.name: check for check in answer.checks}["collector"].detail


@pytest.mark.parametrize(
    ("breaks", "broken", "order"),
    [
        (newer_store, "newer version of flux", ["settings", "store", "collector"]),
        (a_folder_for_a_store, "cannot be used", ["settings", "store", "collector"]),
        (somebody_elses_file, "is not a store of flux", ["settings", "store", "collector"]),
        # These a collector mends when it starts, so what keeps it from that is first.
        (damaged_store, "is taken by another program", ["settings", "collector", "store"]),
        (no_store, "is taken by another program", ["settings", "collector", "store", "exporter"]),
        (older_store, "is taken by another program", ["settings", "collector", "store"]),
    ],
)
def test_of_a_store_and_a_taken_port_the_one_that_hinders_most_is_first(
    chain: Chain, breaks: Break, broken: str, order: list[str]
) -> None:
    chain.fail()
    breaks(chain)
    with other_program() as port:
        chain.flags["otlp_http_port"] = port
        answer = chain.ask()
    assert answer.broken is not None
    assert broken in answer.broken.detail
    assert [check.name for check in answer.checks] == order
    assert [check.ok for check in answer.checks[:3]] == [True, False, False]


def test_somebody_else_has_the_port(chain: Chain) -> None:
    chain.fail()
    with other_program() as port:
        chain.flags["otlp_http_port"] = port
        broken = chain.broken()
    assert (broken.name, "is taken by another program" in broken.detail) == ("collector", True)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        chain.flags["otlp_http_port"], chain.flags["otlp_grpc_port"] = chain.http_port, taken.getsockname()[1]
        broken = chain.broken()
    assert f"port {chain.flags['otlp_grpc_port']} is taken" in broken.detail
    assert "otlp_grpc_port" in (broken.mend or "")


RAISED = ("KeyError", "'x'")


def raises(path: str, line: int, function: str, text: str) -> SpanNode:
    return http_span("GET", "/", 500, raises=Raises(*RAISED, ((path, line, function, text),)))


def nothing(chain: Chain) -> None:
    """Nothing was ever sent."""


def without_root(chain: Chain) -> None:
    for _ in range(3):
        root = http_span("GET", "/", children=[span("query")])
        chain.recorded.add(root, only=["query"], resource=dict(RECORDER))


def without_exception(chain: Chain) -> None:
    chain.fail(http_span("GET", "/", 500))


def foreign_path(chain: Chain) -> None:
    chain.fail(raises("/srv/other/reports/monthly.py", 3, "monthly", "totals['x']"))


def two_candidates(chain: Chain) -> None:
    for folder in ("api", "worker"):
        chain.recorded.write(f"{folder}/shop/models.py", "def save(row):\n    raise KeyError(row)\n")
    chain.revision = chain.commit()
    chain.fail(raises("/srv/x/shop/models.py", 2, "save", "raise KeyError(row)"))


def edited(chain: Chain) -> None:
    chain.recorded.payments.write_text(PAYMENTS.replace('"Stripe API timeout"', '"no answer"'))


def unknown_revision(chain: Chain) -> None:
    chain.revision = "a" * 40
    chain.fail()
    edited(chain)


def no_commit_id(chain: Chain) -> None:
    chain.revision = "v1.2"
    chain.fail()
    edited(chain)


def uncommitted(chain: Chain) -> None:
    edited(chain)
    chain.commit()
    text = 'raise TimeoutError("Stripe API timeout")'
    chain.revision = chain.git("rev-parse", "HEAD")
    chain.fail(raises("/srv/app/shop/payments.py", FAULT_LINE, "charge", text))


def no_checkout(chain: Chain) -> None:
    chain.fail()
    edited(chain)
    shutil.rmtree(chain.recorded.root / ".git")


def gone(chain: Chain) -> None:
    chain.fail()
    chain.recorded.payments.write_text("def signup(form):\n    return None\n")


def sparse(chain: Chain) -> None:
    chain.recorded.write("docs/index.md", "shop\n")
    chain.revision = chain.commit()
    chain.fail()
    chain.git("sparse-checkout", "set", "docs")
    assert not chain.recorded.payments.exists()


@pytest.mark.parametrize(
    ("breaks", "link", "detail", "mend"),
    [
        (nothing, "spans", "nothing has ever arrived", "OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:"),
        (without_root, "root spans", "3 have no root span", "the service that receives the request first"),
        (without_exception, "exceptions", "no exception was recorded", "record exceptions with their stack traces"),
        (foreign_path, "paths", "no file of the workspace is called monthly.py", 'path_map = ["/srv/other=."]'),
        (two_candidates, "paths", "api/shop/models.py, worker/shop/models.py", 'path_map = ["/srv/x=api"]'),
        (unknown_revision, "revision", "the revision aaaaaaaaaaaa is not in this clone", "git fetch origin aaaaaaaa"),
        (no_commit_id, "revision", "'v1.2' is no commit id", "git rev-parse HEAD"),
        (uncommitted, "revision", "ran with changes that", "commit before you run it"),
        (no_checkout, "revision", "this is no git checkout", "open the checkout"),
        (gone, "line", "charge is not in", "send the request again with today's code"),
        (sparse, "line", "shop/payments.py is not checked out here", "git sparse-checkout add shop"),
    ],
)
def test_what_is_broken_in_what_was_recorded(chain: Chain, breaks: Break, link: str, detail: str, mend: str) -> None:
    breaks(chain)
    with chain.running():
        broken = chain.broken()
    assert broken.name == link
    assert detail in broken.detail
    assert mend in (broken.mend or "")


def test_a_shallow_clone(chain: Chain, tmp_path: Path) -> None:
    chain.fail()
    edited(chain)
    chain.commit()
    chain.git("clone", "--quiet", "--depth", "1", f"file://{chain.recorded.root}", str(tmp_path / "shallow"))
    with chain.running():
        broken = chain.broken(root=tmp_path / "shallow")
    assert (broken.name, broken.mend) == ("revision", "git fetch --unshallow")


def test_a_machine_without_git(chain: Chain, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    chain.fail()
    edited(chain)
    with chain.running():
        monkeypatch.setenv("PATH", str(tmp_path / "empty"))
        broken = chain.broken()
        monkeypatch.undo()
    assert (broken.name, broken.detail) == ("revision", "git cannot be run here")
    assert "install it" in (broken.mend or "")


@pytest.mark.parametrize("breaks", [unknown_revision, no_commit_id, no_checkout])
def test_a_commit_that_is_not_here_is_advice_where_the_text_is_enough(chain: Chain, breaks: Break) -> None:
    breaks(chain)
    chain.recorded.payments.write_text(PAYMENTS)
    with chain.running():
        answer = chain.ask()
    assert answer.broken is None
    check = {check.name: check for check in answer.checks}["revision"]
    assert check.mend
    assert "by their text alone" in check.detail


def test_what_another_project_recorded_breaks_nothing_here(chain: Chain) -> None:
    chain.fail()
    chain.revision = "b" * 40
    foreign_path(chain)
    with chain.running():
        answer = chain.ask()
    assert answer.broken is None
    found = {check.name: check for check in answer.checks}
    assert "of 2 locations, 1 in this workspace; not here: /srv/other/reports" in found["paths"].detail


def test_learned_pairs_are_told_and_can_be_written_down(chain: Chain) -> None:
    for service in "ab":
        chain.recorded.write(f"services/{service}/main.py", "def start(port):\n    return serve(app, port)\n")
    chain.recorded.write("services/a/orders/pay.py", "def pay():\n    return card.charge()\n")
    chain.revision = chain.commit()
    chain.fail(raises("/app/main.py", 2, "start", "return serve(app, port)"))
    with chain.running():
        assert chain.broken().name == "paths"
        assert 'path_map = ["/app=services/a"]' in (chain.broken().mend or "")
        chain.fail(raises("/app/orders/pay.py", 2, "pay", "return card.charge()"))
        check = {check.name: check for check in chain.ask().checks}["paths"]
        assert check.ok
        assert "learned: /app is services/a" in check.detail
        assert 'path_map = ["/app=services/a"]' in (check.mend or "")
        # As it says, so it is.
        assert "learned" not in {each.name: each for each in chain.ask("/app=services/a").checks}["paths"].detail


@pytest.mark.parametrize(
    ("recorded", "files", "mend"),
    [
        ("/app/main.py", ("x/app/main.py", "y/app/main.py"), 'path_map = ["/app=x/app"]'),
        ("/app/main.py", ("x/main.py", "y/main.py"), 'path_map = ["/app=x"]'),
        ("main.py", ("x/main.py", "y/main.py"), 'path_map = ["main.py=x/main.py"]'),
        ("C:\\code\\main.py", ("x/main.py", "y/main.py"), 'path_map = ["C:/code=x"]'),
        ("\\\\nas\\code\\main.py", ("x/main.py", "y/main.py"), 'path_map = ["//nas/code=x"]'),
        ("/main.py", ("x/main.py", "y/main.py"), 'path_map = ["/main.py=x/main.py"]'),
    ],
)
def test_the_pair_that_is_proposed_works(chain: Chain, recorded: str, files: tuple[str, ...], mend: str) -> None:
    for file in files:
        chain.recorded.write(file, "def start(port):\n    return serve(app, port)\n")
    chain.flags["collector"] = False
    chain.revision = chain.commit()
    chain.fail(raises(recorded, 2, "start", "return serve(app, port)"))
    broken = chain.broken()
    assert broken.name == "paths"
    assert mend in (broken.mend or "")
    assert chain.ask(mend.partition('"')[2].rpartition('"')[0]).broken is None
