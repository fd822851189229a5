"""The revision that a process runs, as git has it."""

import os
import subprocess
import time
from pathlib import Path

import pytest

from flux_ls.record.revision import Checkout
from tests.record.programs import run_program
from tests.record.receiver import Receiver


def git(folder: Path, *words: str) -> str:
    identity = ("-c", "user.name=a", "-c", "user.email=a@example.org")
    done = subprocess.run(["git", *identity, *words], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout.strip()


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    git(tmp_path, "init", "-q")
    (tmp_path / "app.py").write_text("one\n")
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "other.py").write_text("two\n")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-qm", "first")
    return tmp_path


def told(folder: Path) -> dict[str, object]:
    return dict(Checkout(folder).attributes())


def test_a_clean_checkout(checkout: Path) -> None:
    expected = {"vcs.ref.head.revision": git(checkout, "rev-parse", "HEAD"), "flux.vcs.dirty": False}
    assert told(checkout) == expected
    assert told(checkout / "sub") == expected


def test_an_untracked_file_is_no_change(checkout: Path) -> None:
    (checkout / "notes.txt").write_text("x")
    assert told(checkout)["flux.vcs.dirty"] is False


def test_a_dirty_checkout(checkout: Path) -> None:
    (checkout / "app.py").write_text("changed\n")
    assert told(checkout)["flux.vcs.dirty"] is True
    git(checkout, "add", ".")
    assert told(checkout)["flux.vcs.dirty"] is True


def test_without_a_checkout_a_commit_or_git_there_is_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert told(tmp_path) == {}
    git(tmp_path, "init", "-q")
    assert told(tmp_path) == {}
    (tmp_path / "app.py").write_text("one\n")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-qm", "first")
    assert told(tmp_path) != {}
    monkeypatch.setenv("PATH", "")
    assert told(tmp_path) == {}


def test_files_that_git_does_not_have_are_told_by_their_blob(checkout: Path) -> None:
    changed, new = checkout / "app.py", checkout / "sub" / "new [1] ä.py"
    changed.write_text("changed\n")
    new.write_text("new\n")
    time.sleep(0.02)
    seen = Checkout(checkout)
    files = [str(changed), str(new), str(checkout / "sub" / "other.py"), "/etc/hosts", "<string>", "nowhere.py", "\0"]
    expected = {str(file): git(checkout, "hash-object", str(file)) for file in (changed, new)}
    assert seen.blobs(files) == expected
    assert seen.blobs(files) == expected


def test_a_file_saved_after_the_start_is_not_what_runs(checkout: Path) -> None:
    seen = Checkout(checkout)
    file = checkout / "app.py"
    file.write_text("changed\n")
    later = time.time() + 5
    os.utime(file, (later, later))
    assert seen.blobs([str(file)]) == {}


FAILING = """
    import sys
    from flux_ls.record import start
    start(endpoint=sys.argv[1])
    from opentelemetry import trace
    try:
        with trace.get_tracer("x").start_as_current_span("work"):
            raise ValueError("no")
    except ValueError:
        pass
"""


def test_a_failure_tells_what_ran(checkout: Path) -> None:
    with Receiver() as receiver:
        run_program(checkout, FAILING, receiver.endpoint)
        (got,) = receiver.wait_for("work")
    assert got.resource["vcs.ref.head.revision"] == git(checkout, "rev-parse", "HEAD")
    assert got.resource["flux.vcs.dirty"] is False
    blob = git(checkout, "hash-object", "program.py")
    assert got.attributes["flux.vcs.blobs"] == f'{{"{checkout / "program.py"}":"{blob}"}}'


def test_a_revision_that_is_given_is_taken(checkout: Path) -> None:
    with Receiver() as receiver:
        env = {"OTEL_RESOURCE_ATTRIBUTES": "vcs.ref.head.revision=abc,service.name=till"}
        run_program(checkout, FAILING, receiver.endpoint, env=env)
        (got,) = receiver.wait_for("work")
    assert got.resource["vcs.ref.head.revision"] == "abc"
    assert got.resource["service.name"] == "till"
    assert "flux.vcs.dirty" not in got.resource
