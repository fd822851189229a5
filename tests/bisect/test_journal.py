"""The log of a search: one writes it at a time, nothing of it is lost, and it goes with its age."""

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from flux_ls.bisect.journal import Evidence, Held, Journal, prune
from tests.bisect.histories import World, as_repository, git
from tests.bisect.processes import start

pytestmark = pytest.mark.timeout(300)

NAMES = [f"c{at}" for at in range(12)]
WORLD = World(
    {name: tuple(NAMES[max(0, at - 1) : at]) for at, name in enumerate(NAMES)},
    {name: "bad" if at >= 7 else "good" for at, name in enumerate(NAMES)},
    frozenset({"c7"}),
    "c11",
    ("c0",),
)


class Question:
    """Asked in terminals; a run, the third, and those after it wait until somebody lets them go on."""

    def __init__(self, tmp_path: Path, waits: int = 3) -> None:
        self._waits = waits
        self.root, self.store = tmp_path / "project", tmp_path / "store" / "flux.db"
        self.ids = as_repository(WORLD, self.root)
        self._begun, self._open = tmp_path / "begun", tmp_path / "open"
        self._begun.parent.mkdir(exist_ok=True)
        self._begun.touch()

    def ask(self, *options: str) -> "subprocess.Popen[bytes]":
        count = f"echo x >> {self._begun}; test $(wc -l < {self._begun}) -lt {self._waits} ||"
        wait = f"while ! test -e {self._open}; do sleep 0.02; done"
        run = f"{count} {wait}; exit $(cat verdict)"
        return start(self.root, self.store, self.ids["c0"], self.ids["c11"], *options, run=run)

    def until_it_waits(self, process: "subprocess.Popen[bytes]") -> None:
        deadline = time.monotonic() + 60
        while self.begun() < self._waits and time.monotonic() < deadline:
            assert process.poll() is None
            time.sleep(0.02)

    def begun(self) -> int:
        """How many runs there were."""
        return len(self._begun.read_text().splitlines())

    def let_go(self) -> None:
        self._open.touch()

    def log(self) -> Path:
        (log,) = (self.store.parent / "bisect").glob("*.log")
        return log


def finished(process: "subprocess.Popen[bytes]") -> str:
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    return out.decode()


@pytest.mark.parametrize("options", [(), ("--fresh",), ("-j", "2")])
def test_the_same_search_in_two_terminals(tmp_path: Path, options: tuple[str, ...]) -> None:
    question = Question(tmp_path)
    first = question.ask()
    question.until_it_waits(first)
    before = question.log().read_bytes()
    second = question.ask(*options)
    _, err = second.communicate(timeout=120)
    assert second.returncode == 2
    assert f"the same search is under way in process {first.pid} (flux_ls.cli), since 20" in err.decode()
    assert "wait for its answer, or stop it and ask again, which goes on from there" in err.decode()
    assert question.log().read_bytes() == before
    question.let_go()
    assert question.ids["c7"][:12] in finished(first)
    assert "is known" not in finished(question.ask()), "that came to its end"
    clone = tmp_path / "clone"
    git(tmp_path, "clone", "-q", str(question.root), str(clone))
    assert f"{question.ids['c7']} is the first bad commit" in git(clone, "bisect", "replay", str(question.log()))


def test_one_that_was_killed_is_in_nobodys_way(tmp_path: Path) -> None:
    question = Question(tmp_path)
    first = question.ask()
    question.until_it_waits(first)
    first.send_signal(signal.SIGKILL)
    first.communicate(timeout=120)
    question.let_go()
    told = finished(question.ask())
    assert question.ids["c7"][:12] in told
    assert "goes on where it was stopped: 2 verdicts are known" in told


def test_one_that_is_stopped_between_the_ends_goes_on_at_the_second(tmp_path: Path) -> None:
    question, whole = Question(tmp_path / "stopped", waits=2), Question(tmp_path / "whole")
    whole.let_go()
    finished(whole.ask())
    first = question.ask()
    question.until_it_waits(first)
    first.send_signal(signal.SIGINT)
    _, err = first.communicate(timeout=120)
    assert first.returncode == 130, err
    question.let_go()
    told = finished(question.ask())
    assert "goes on where it was stopped: 1 verdict is known" in told
    assert question.begun() == whole.begun() + 1, "the run that was ended, and no other, is made again"


def test_other_questions_are_in_nobodys_way(tmp_path: Path) -> None:
    question = Question(tmp_path)
    first = question.ask()
    question.until_it_waits(first)
    assert question.ids["c7"][:12] in finished(
        start(question.root, question.store, question.ids["c0"], question.ids["c10"], run="exit $(cat verdict)")
    )
    question.let_go()
    finished(first)


def test_where_no_log_can_be_written(tmp_path: Path) -> None:
    question = Question(tmp_path)
    question.store.parent.mkdir()
    (question.store.parent / "bisect").touch()
    process = question.ask()
    _, err = process.communicate(timeout=120)
    assert process.returncode == 2
    assert "cannot be written down (File exists): make room for it at" in err.decode()
    assert "Traceback" not in err.decode()


def test_a_log_that_is_written_is_not_pruned(tmp_path: Path) -> None:
    journal = Journal.of(tmp_path, ("a",))
    with journal:
        os.utime(journal.path, (0, 0))
        assert prune(tmp_path, 7, 10**9) == 0
        with pytest.raises(Held, match="under way in this process, since 20"), Journal.of(tmp_path, ("a",)):
            pass
    os.utime(journal.path, (0, 0))
    assert prune(tmp_path, 7, 10**9) == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("lost", range(1, 60, 7))
def test_a_line_that_was_half_written_is_left_out(tmp_path: Path, lost: int) -> None:
    """The machine went down, say."""
    told = [Evidence("a" * 40, "good", "run"), Evidence("b" * 40, "bad", "run", "exit status 1")]
    with Journal.of(tmp_path, ("a",)) as journal:
        journal.begin("c" * 40, ("d" * 40,), (), (), first_parent=False)
        for each in told:
            journal.add(each)
        whole = journal.path.read_bytes()
        half = whole[: whole.index(b"# flux: ", whole.index(b"good " + b"a" * 40)) + lost]
        journal.path.write_bytes(half)
    with Journal.of(tmp_path, ("a",)) as journal:
        assert journal.unfinished().verdicts == (told[0],)
        journal.begin("c" * 40, ("d" * 40,), (), journal.unfinished().verdicts, first_parent=False)
        assert journal.unfinished().verdicts == (told[0],)


@pytest.mark.parametrize(("days", "left"), [(7, ["new.log", "notes.txt"]), (0, ["new.log", "notes.txt", "old.log"])])
def test_logs_go_with_their_age(tmp_path: Path, days: float, left: list[str]) -> None:
    for name, age in (("new.log", 6), ("old.log", 8), ("notes.txt", 80)):
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (10**9 - age * 86400,) * 2)
    assert prune(tmp_path, days, 10**9) == 3 - len(left)
    assert sorted(each.name for each in tmp_path.iterdir()) == left
    assert prune(tmp_path / "none", days, 10**9) == 0
