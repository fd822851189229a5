"""The user's checkout is byte for byte what it was, however a bisect ends, and the next start removes what was left."""

import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import pytest

from flux_ls.bisect.worktrees import MARK
from tests.bisect.histories import git
from tests.bisect.processes import start

pytestmark = pytest.mark.timeout(300)

COMMITS, CULPRIT = 24, 15
GOOD, BAD = "v0", "v23"
MEMORY = Path("/dev/shm")
CALC = "def value():\n    return {value}\n"


def checkout(tmp_path: Path) -> Path:
    """A checkout in the midst of work: edits, a staged change, a stash, a rebase that waits, hooks that tell."""
    root = tmp_path / "project"
    root.mkdir()
    git(root, "init", "-q", "-b", "main")
    for number in range(COMMITS):
        (root / "verdict").write_text("1" if number >= CULPRIT else "0")
        (root / "calc.py").write_text(CALC.format(value=2 if number >= CULPRIT else 1))
        (root / "notes.txt").write_text(f"{number}\n")
        git(root, "add", ".")
        git(root, "commit", "-qm", f"change {number}")
        git(root, "tag", f"v{number}")
    git(root, "checkout", "-q", "-b", "other", "v20")
    (root / "notes.txt").write_text("another\n")
    git(root, "commit", "-qam", "in the way")
    (root / "calc.py").write_text("stashed\n")
    git(root, "stash", "-q")
    git(root, "rebase", "main", fine=(1,))
    (root / "staged.txt").write_text("staged\n")
    git(root, "add", "staged.txt")
    (root / "calc.py").write_text("# an edit that is not saved anywhere\n")
    (root / "untracked.txt").write_text("mine\n")
    hooks = root / ".git" / "hooks"
    for name in ("post-checkout", "post-index-change", "reference-transaction", "post-merge", "pre-auto-gc"):
        hook = hooks / name
        hook.write_text(f"#!/bin/sh\necho {name} >> '{root}/hooked'\n")
        hook.chmod(0o755)
    # What a repository configures runs programs, too.
    for key in ("core.fsmonitor", "filter.tell.smudge", "filter.tell.clean", "diff.external", "core.sshCommand"):
        git(root, "config", key, f"sh -c 'echo {key} >> {root}/hooked; cat'")
    (root / ".git" / "info" / "attributes").write_text("* filter=tell\n")
    return root


def state(root: Path) -> dict[str, object]:
    """Every file below, git's own included, and when it was last written."""
    found: dict[str, object] = {}
    for folder, folders, files in os.walk(root):
        for name in (*folders, *files):
            path = Path(folder) / name
            status = path.lstat()
            content = path.read_bytes() if path.is_file() else None
            found[str(path.relative_to(root))] = (status.st_mode, content, status.st_mtime_ns if content else None)
    return found


def status(root: Path) -> str:
    quiet = ("-c", "core.fsmonitor=false", "-c", "filter.tell.clean=cat", "--no-optional-locks")
    told = (*quiet, "status", "--porcelain=v2", "--branch")
    return git(root, *told) + git(root, "stash", "list") + git(root, "for-each-ref")


def left_of(root: Path) -> list[Path]:
    """Scratch folders that read the objects of this checkout."""
    found = []
    for base in (MEMORY, Path(tempfile.gettempdir())):
        for alternates in base.glob(f"flux-bisect-{os.getuid()}/*/git/*/objects/info/alternates"):
            scratch = alternates.parents[4]
            # Another test's may go at any moment.
            with suppress(OSError):
                found += [scratch] * (scratch not in found and str(root.resolve()) in alternates.read_text())
    return found


def running_in(folders: list[Path]) -> list[str]:
    marks = [os.fsencode(f"{MARK}={folder}") for folder in folders]
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and set(marks) & set((entry / "environ").read_bytes().split(b"\0")):
                found.append(entry.name)
        except OSError:
            continue
    return found


def check_ended(tmp_path: Path, times: int, seed: int) -> None:
    root, store = checkout(tmp_path), tmp_path / "store" / "flux.db"
    before, told = state(root), status(root)
    assert state(root) == before
    chance = random.Random(seed)
    began = time.monotonic()
    whole = start(root, store, GOOD, BAD)
    out, err = whole.communicate(timeout=120)
    took = time.monotonic() - began
    assert whole.returncode == 0, err
    assert b"change 15" in out
    assert (state(root), status(root), left_of(root)) == (before, told, [])
    interrupted, killed = 0, False
    for _ in range(times):
        how = chance.choice((signal.SIGINT, signal.SIGTERM, signal.SIGKILL))
        options = chance.choice(((), ("-j", "2")))
        process = start(root, store, GOOD, BAD, *options)
        try:
            process.wait(chance.uniform(0, took * 1.1))
        except subprocess.TimeoutExpired:
            interrupted += 1
            process.send_signal(how)
        _, err = process.communicate(timeout=120)
        assert state(root) == before, how
        assert status(root) == told, how
        if b"goes on from here" in err:
            assert process.returncode == 130
            assert not left_of(root) or killed
        killed = killed or how is signal.SIGKILL
    left = left_of(root)
    last = start(root, store, GOOD, BAD)
    out, err = last.communicate(timeout=120)
    assert last.returncode == 0, err
    assert b"change 15" in out
    assert interrupted
    assert (left_of(root), running_in(left)) == ([], [])
    assert state(root) == before


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_checkout_stays_as_it_is_through_signals(tmp_path: Path) -> None:
    check_ended(tmp_path, 3, seed=1)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_checkout_stays_as_it_is_through_a_hundred_signals(tmp_path: Path) -> None:
    check_ended(tmp_path, 100, seed=2)


@pytest.mark.slow
def test_what_a_run_asks_of_git_changes_nothing_of_the_users(tmp_path: Path) -> None:
    root, store = checkout(tmp_path), tmp_path / "store" / "flux.db"
    before, told = state(root), status(root)
    words = (
        "config a.b c; commit -qam x --no-verify; stash; tag -f v15; branch -D main; checkout -b x; gc -q --prune=now"
    )
    run = "; ".join((f"cp verdict {tmp_path}/said", *(f"git {each.strip()}" for each in words.split(";"))))
    process = start(root, store, GOOD, BAD, run=f"{run}; exit $(cat {tmp_path}/said)")
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    assert b"change 15" in out
    after = state(root)
    # Git itself marks an object as young again that a program writes once more: its time alone.
    assert [name for name in before.keys() | after.keys() if _apart(before, after, name)] == []
    assert status(root) == told


def _apart(before: dict[str, object], after: dict[str, object], name: str) -> bool:
    one, other = before.get(name), after.get(name)
    if name.startswith(".git/objects/") and isinstance(one, tuple) and isinstance(other, tuple):
        return one[:2] != other[:2]
    return one != other


@pytest.mark.slow
def test_a_run_that_is_stopped_goes_on_and_its_log_is_one_of_gits(tmp_path: Path) -> None:
    root, store = checkout(tmp_path), tmp_path / "store" / "flux.db"
    begun = tmp_path / "begun"
    # At the third revision of the search it hangs, once.
    count = f"echo x >> {begun}; test $(wc -l < {begun}) -ne 5 || sleep 60; exit $(cat verdict)"
    process = start(root, store, GOOD, BAD, run=count)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and not (begun.exists() and len(begun.read_text().splitlines()) >= 5):
        assert process.poll() is None
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 130, err
    assert b"asked again, it goes on from here" in err
    again = start(root, store, GOOD, BAD, run=count)
    out, err = again.communicate(timeout=120)
    assert again.returncode == 0, err
    assert b"4 verdicts are known" in out, "those of the ends, too"
    assert b"change 15" in out
    (log,) = (store.parent / "bisect").glob("*.log")
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "-q", str(root), str(clone)], check=True, capture_output=True)
    told = git(clone, "bisect", "replay", str(log))
    assert f"{git(root, 'rev-parse', 'v15').strip()} is the first bad commit" in told
