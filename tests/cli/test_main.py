"""The entry: help, what is imported for it, and how errors end."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from flux_ls.cli.main import BELOW, COMMANDS, cli
from tests.recorded import Recorded
from tests.telemetry import http

from .conftest import Flux

HEAVY = ("grpc", "pygls", "lsprotocol", "tree_sitter", "uvicorn", "google.protobuf", "opentelemetry", "sqlite3")
RECEIVER = ("grpc", "pygls", "lsprotocol", "uvicorn", "httptools")


def imported(*words: str, env: dict[str, str] | None = None) -> set[str]:
    """The modules that a command in a process of its own has imported when it ends."""
    program = (
        "import sys\nfrom flux_ls.cli import main\ncode = main.run(sys.argv[1:])\n"
        "print(*sys.modules, file=sys.stderr)\nsys.exit(code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, *words],
        env={**os.environ, **(env or {})},
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    return set(done.stderr.split())


def taken(modules: set[str], unwanted: tuple[str, ...]) -> list[str]:
    return [name for name in modules if name.startswith(tuple(f"{each}." for each in unwanted)) or name in unwanted]


def test_help_imports_nothing_heavy() -> None:
    modules = imported("--help")
    assert taken(modules, HEAVY) == []
    commands = {f"flux_ls.cli.{name}" for name in COMMANDS}
    assert modules & commands == set()


def test_tail_imports_no_receiver_and_no_editor(recorded: Recorded) -> None:
    recorded.add(http("GET", "/"))
    modules = imported("tail", "--no-follow", env={"FLUX_STORE": str(recorded.store)})
    assert taken(modules, (*RECEIVER, "tree_sitter", "google.protobuf")) == []


@pytest.mark.parametrize("name", ["why", "trace", "errors", "doctor", "config", "prune", "serve"])
def test_no_commands_help_imports_a_receiver(name: str) -> None:
    assert taken(imported(name, "--help"), RECEIVER) == []


def test_the_list_of_commands_is_what_the_commands_say() -> None:
    import click

    context = click.Context(cli, info_name="flux")
    for name, help in COMMANDS.items():
        command = cli.get_command(context, name)
        assert command is not None
        assert command.get_short_help_str(200).rstrip(".") == help.rstrip(".")


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_with_examples_that_fits(flux: Flux, name: str) -> None:
    ran = flux(name, "--help")
    assert ran.code == 0
    assert "Examples:" in ran.out or name == "completion"
    assert f"flux {name}" in ran.out.split("Options:")[1]


@pytest.mark.parametrize("name", [name for name in COMMANDS if name not in ("completion", "demo")])
def test_every_command_has_json_and_store(flux: Flux, name: str) -> None:
    out = flux(name, "--help").out
    assert "--json" in out
    assert "--store PATH" in out


@pytest.mark.parametrize(
    ("words", "says", "hint"),
    [
        (("nonsense",), "No such command 'nonsense'.", "flux --help"),
        (("wyh", "550e"), "No such command 'wyh'. Did you mean 'flux why'?", "flux --help"),
        (("Tail",), "No such command 'Tail'. Did you mean 'flux tail'?", "flux --help"),
        (("replay", "550e"), "No such command 'replay'. Did you mean 'flux incident replay'?", "flux --help"),
        (("blame",), "No such command 'blame'. Did you mean 'flux state blame'?", "flux --help"),
        (("why",), "Missing argument", "flux why --help"),
        (("why", "--nonsense", "550e"), "No such option", "flux why --help"),
        (("tail", "--since", "yesterday"), "give a span such as 90s, 30m, 2h, 1d, or a time", "flux tail --help"),
        (("tail", "--slow", "fast"), "is not a valid float", "flux tail --help"),
        (("tail", "--filter", "plan"), "give an attribute and its value", "flux tail --help"),
        (("tail", "--otlp-http-port", "70000"), "it takes a port, 1 to 65535", "flux tail --help"),
        (("config", "--path-map", "/srv"), "RECORDED=LOCAL", "flux config --help"),
        (("prune", "--bytes", "lots"), "it takes bytes, such as", "flux prune --help"),
        (("serve", "--stop", "--background"), "exclude each other", "flux serve --help"),
        (("completion", "tcsh"), "is not one of 'bash', 'zsh', 'fish'", "flux completion --help"),
    ],
)
def test_wrong_use_is_2_and_says_what_is_right(flux: Flux, words: tuple[str, ...], says: str, hint: str) -> None:
    ran = flux(*words)
    assert ran.code == 2
    assert ran.out == ""
    assert says in ran.err
    assert ran.err.endswith(f"Try '{hint}' for help.\n") or ran.err.endswith(f"Try '{hint}'.\n")
    assert len(ran.err.splitlines()) <= 3


@pytest.mark.parametrize(
    "words", [("why", "550e"), ("trace", "550e"), ("errors",), ("tail", "--no-follow"), ("prune",)]
)
def test_a_store_that_is_not_there_is_5_and_says_what_to_do(
    flux: Flux, recorded: Recorded, words: tuple[str, ...]
) -> None:
    ran = flux(*words)
    assert (ran.code, ran.out) == (5, "")
    assert ran.err.startswith(f"flux: there is no store at {recorded.store}")
    assert "flux serve" in ran.err
    assert not recorded.store.exists()


def test_a_damaged_store_is_5(flux: Flux, recorded: Recorded) -> None:
    recorded.store.parent.mkdir()
    recorded.store.write_bytes(b"nothing that SQLite knows" * 1000)
    ran = flux("errors")
    assert ran.code == 5
    assert "damaged" in ran.err
    assert recorded.store.read_bytes().startswith(b"nothing")


def test_ids_end_with_3_4_and_2(flux: Flux, recorded: Recorded) -> None:
    recorded.add(http("GET", "/a\x1b[31m", 404), trace_id="abcd1" + "0" * 27)
    recorded.add(recorded.failing_signup(), trace_id="abcd2" + "0" * 27)
    assert flux("why", "ffff").code == 3
    assert "no request 'ffff'" in flux("why", "ffff").err
    assert flux("why", "zz").code == 2
    ambiguous = flux("why", "abcd")
    assert ambiguous.code == 4
    first, *candidates = ambiguous.err.splitlines()
    assert "fits 2" in first
    assert any(
        re.search(r"abcd10+  \d{4}-\d\d-\d\d \d\d:\d\d:\d\d  GET /a\\x1b\[31m  404", line) for line in candidates
    )
    assert any(line.endswith("POST /signup  500") for line in candidates)


def test_several_ids_are_all_answered_and_the_worst_code_counts(flux: Flux, recorded: Recorded) -> None:
    one, two = recorded.add(http("GET", "/a")), recorded.add(recorded.failing_signup())
    ran = flux("why", one, "ffffffff", two, "--json")
    assert [each["request"]["id"] for each in ran.json] == [one, two]
    assert ran.code == 3


def test_ids_come_from_standard_input_too(flux: Flux, recorded: Recorded) -> None:
    ids = [recorded.add(http("GET", f"/{n}")) for n in range(3)]
    ran = flux("trace", "-", "--json", stdin=f"{ids[0]}\n\nreq:{ids[1][:8]}  {ids[2]}\n")
    assert [each["request"]["id"] for each in ran.json] == ids
    lines = flux("tail", "--no-follow", "--json").out
    ran = flux("why", "-", "--json", stdin=lines)
    assert {each["request"]["id"] for each in ran.json} == set(ids)


@pytest.mark.parametrize("line", ["{}", "{", '{"id": 3}'])
def test_json_without_an_id_is_wrong_use(flux: Flux, recorded: Recorded, line: str) -> None:
    recorded.add(http("GET", "/"))
    ran = flux("why", "-", stdin=line)
    assert ran.code == 2
    assert "without an `id`" in ran.err


def test_settings_that_make_no_sense_are_warnings(
    flux: Flux, recorded: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorded.add(http("GET", "/"))
    monkeypatch.setenv("FLUX_IDLE_EXIT", "soon")
    ran = flux("tail", "--no-follow")
    assert ran.code == 0
    assert ran.err.startswith("flux: FLUX_IDLE_EXIT: `idle_exit` = 'soon' is not usable")


def test_the_store_may_be_named_on_the_command_line(
    flux: Flux, recorded: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorded.add(http("GET", "/here"))
    monkeypatch.setenv("FLUX_STORE", "/nowhere/flux.db")
    monkeypatch.chdir(recorded.store.parent)
    assert "/here" in flux("tail", "--no-follow", "--store", "flux.db").out


def start_flux(*words: str, store: Path, environ: dict[str, str] | None = None) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [sys.executable, "-m", "flux_ls.cli", *words, "--store", str(store)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, **(environ or {})},
    )


def test_a_reader_that_leaves_is_no_error(recorded: Recorded) -> None:
    for _ in range(3):
        recorded.add(http("GET", "/" + "x" * 70_000))
    process = start_flux("tail", "--no-follow", store=recorded.store)
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.read(10)
    process.stdout.close()
    error = process.stderr.read()
    assert process.wait(40) == 141
    assert error == b""
    process.stderr.close()


def test_a_terminal_without_unicode_gets_escapes(recorded: Recorded) -> None:
    recorded.add(http("GET", "/漢"))
    process = start_flux(
        "tail", "--no-follow", store=recorded.store, environ={"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    )
    out, error = process.communicate(timeout=40)
    assert (process.returncode, error) == (0, b"")
    assert b"/\\u6f22" in out


def test_the_version(flux: Flux) -> None:
    from flux_ls import __version__

    assert flux("--version").out == f"flux, version {__version__}\n"


def test_the_projects_root_is_the_checkout_then_the_project_then_here(tmp_path: Path) -> None:
    from flux_ls.cli.options import project_root

    inner = tmp_path / "repository" / "service" / "src"
    inner.mkdir(parents=True)
    assert project_root(inner) == inner
    (tmp_path / "repository" / "package.json").touch()
    assert project_root(inner) == tmp_path / "repository"
    (tmp_path / "repository" / "service" / "pyproject.toml").touch()
    assert project_root(inner) == tmp_path / "repository" / "service"
    (tmp_path / "repository" / ".git").touch()
    assert project_root(inner) == tmp_path / "repository"


def test_what_is_called_by_one_word_elsewhere_is_a_command_here(flux: Flux) -> None:
    for words in BELOW.values():
        assert flux(*words.split(), "--help").out.startswith(f"Usage: flux {words} ")
