"""`flux bug bisect`: what it prints, and how it ends."""

import sys
import time
from pathlib import Path

import pytest
from msgspec import json

from tests.bisect.histories import git
from tests.recorded import Recorded
from tests.telemetry import http

from .conftest import Flux

SIZE, CULPRIT = 10, 6
RUN = "exit $(cat verdict)"


@pytest.fixture
def history(recorded: Recorded) -> Path:
    git(recorded.root.parent, "init", "-q", "-b", "main", str(recorded.root))
    for number in range(SIZE):
        recorded.write("verdict", "1" if number >= CULPRIT else "0")
        recorded.write("calc.py", f"def value():\n    return {2 if number >= CULPRIT else 1}\n")
        recorded.write("notes", str(number))
        git(recorded.root, "add", ".")
        git(recorded.root, "commit", "-qm", f"change {number}")
        git(recorded.root, "tag", f"v{number}")
    return recorded.root


def test_the_first_bad_commit_is_shown(history: Path, flux: Flux) -> None:
    ran = flux("bug", "bisect", "--good", "v0", "--run", RUN)
    assert ran.code == 0, ran.err
    assert "FIRST BAD COMMIT" in ran.out
    assert f"change {CULPRIT}" in ran.out
    assert "+    return 2" in ran.out
    assert "calc.py : line 1  in value" in ran.out
    assert "the command ran no Python" in ran.out
    assert "git bisect replay" in ran.out
    assert "8 commits left, about 3 runs" in ran.err or "9 commits left, about 4 runs" in ran.err


@pytest.mark.skipif(sys.platform != "linux", reason="they are known by their environment, in /proc")
def test_what_a_run_leaves_behind_is_ended(history: Path, flux: Flux, tmp_path: Path) -> None:
    """A service that has a session of its own, as most have."""
    left = tmp_path / "left"
    left.touch()
    service = f"setsid -f sh -c 'echo $$ >> {left}; exec sleep 300'"
    is_there = f"while test $(wc -l < {left}) = $there; do sleep 0.01; done"
    ran = flux("bug", "bisect", "--good", "v0", "--run", f"there=$(wc -l < {left}); {service}; {is_there}; {RUN}")
    assert ran.code == 0, ran.err
    pids = [int(line) for line in left.read_text().split()]
    assert len(pids) > 2
    deadline = time.monotonic() + 40
    while (still := [pid for pid in pids if _runs(pid)]) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not still


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_json(history: Path, flux: Flux) -> None:
    ran = flux("bug", "bisect", "--good", "v0", "--bad", "v9", "--run", RUN, "-j", "2", "--json")
    assert (ran.code, ran.err) == (0, "")
    answer = json.decode(ran.out)
    assert answer["request_id"] is None
    assert answer["good"] == [git(history, "rev-parse", "v0").strip()]
    assert answer["bad"] == git(history, "rev-parse", "v9").strip()
    first_bad = answer["first_bad"]
    assert first_bad["revision"] == git(history, "rev-parse", f"v{CULPRIT}").strip()
    assert (first_bad["author"], first_bad["subject"]) == ("A", f"change {CULPRIT}")
    assert first_bad["date"].startswith("20")
    assert answer["candidates"] == 9
    assert answer["runs"] == len(answer["evidence"])
    assert {each["source"] for each in answer["evidence"]} == {"run"}
    assert {"revision", "verdict", "source", "reason", "duration_ms"} <= answer["evidence"][0].keys()
    assert ("calc.py", "value") in {(each["path"], each["function"]) for each in answer["hunks"]}


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ((), 2, "Give the ID of a failed request, or --run CMD."),
        (("--run", "true"), 2, "name a revision that was good with --good"),
        (("--run", "true", "--good", "v0"), 1, "said to be bad, is good"),
        (("--run", "false", "--good", "v0"), 1, "said to be good, is bad as well"),
        (("--run", RUN, "--good", "v9", "--bad", "v0"), 1, "said to be bad, is good"),
        (("--run", "exit 200", "--good", "v0"), 1, "ended with status 200"),
        (("--run", RUN, "--good", "nowhere"), 3, "this clone has no revision 'nowhere'"),
        (("--run", RUN, "--good", "v0", "--bad", "--upload-pack=x"), 3, "is no revision"),
        (("--run", "sh mine.sh", "--good", "v0"), 2, "mine.sh is in your checkout and in no revision"),
        (("abcd", "--good", "v0"), 3, "no request 'abcd' is recorded"),
        (("--run", RUN, "--good", "v0", "-j", "0"), 2, "0 is not in the range"),
    ],
)
def test_how_it_ends(
    history: Path, recorded: Recorded, flux: Flux, words: tuple[str, ...], code: int, said: str
) -> None:
    recorded.add(http("GET", "/"), trace_id="1" * 32)
    recorded.write("mine.sh", "exit 1")
    ran = flux("bug", "bisect", *words)
    assert ran.code == code, ran.err
    assert said in ran.err


def test_a_request_that_did_not_fail(history: Path, recorded: Recorded, flux: Flux) -> None:
    id = recorded.add(http("GET", "/"))
    ran = flux("bug", "bisect", id, "--good", "v0", "--run", RUN)
    assert (ran.code, f"req:{id[:8]} did not fail" in ran.err) == (1, True)


def test_an_id_that_fits_several(history: Path, recorded: Recorded, flux: Flux) -> None:
    for last in "12":
        recorded.add(http("GET", "/", 500), trace_id="a" * 31 + last)
    assert flux("bug", "bisect", "aaaa", "--good", "v0").code == 4


def test_several_requests_one_after_the_other(history: Path, recorded: Recorded, flux: Flux) -> None:
    failed = [recorded.add(http("GET", f"/{name}", 500), trace_id=name * 32) for name in "ab"]
    fine = recorded.add(http("GET", "/"), trace_id="c" * 32)
    words = ("--good", "v0", "--bad", "v9", "--run", RUN, "--json")
    ran = flux("bug", "bisect", failed[0], "-", *words, stdin=f'{{"id": "{failed[1]}"}}\n{failed[0][:8]}\n')
    assert ran.code == 0, ran.err
    answers = [json.decode(line) for line in ran.out.splitlines()]
    assert [each["request_id"] for each in answers] == failed
    assert {each["first_bad"]["subject"] for each in answers} == {f"change {CULPRIT}"}
    ran = flux("bug", "bisect", fine, "dddd", failed[0], *words)
    assert ran.code == 3, ran.err
    assert "no request 'dddd' is recorded" in ran.err.splitlines()[0], "before anything is run"
    assert f"req:{fine[:8]} did not fail" in ran.err
    assert [json.decode(line)["request_id"] for line in ran.out.splitlines()] == failed[:1]
    assert flux("bug", "bisect", "-", *words, stdin="").code == 3, "no id is not the command alone"


def test_without_a_checkout(recorded: Recorded, flux: Flux) -> None:
    ran = flux("bug", "bisect", "--good", "v0", "--run", RUN)
    assert (ran.code, "is in no git checkout" in ran.err) == (2, True)


def test_a_clone_without_all_files(history: Path, flux: Flux, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is fetched behind the user's back."""
    git(history, "config", "uploadpack.allowFilter", "true")
    git(tmp_path, "clone", "-q", "--filter=blob:none", history.as_uri(), "part")
    monkeypatch.chdir(tmp_path / "part")
    words = ("bug", "bisect", "--good", "v0", "--run", RUN)
    ran = flux(*words)
    assert (ran.code, "does not have all files of" in ran.err) == (5, True), ran.err
    git(tmp_path / "part", *ran.err.rpartition(": git ")[2].split())
    assert flux(*words).code == 0, "the mend that it names is one"


def test_a_copy_that_shadows_the_revision_is_refused(history: Path, recorded: Recorded, flux: Flux) -> None:
    recorded.write("shop/__init__.py", "")
    git(history, "add", ".")
    git(history, "commit", "-qm", "a package")
    shadowed = f"import sys; sys.path.insert(0, {str(history)!r}); import shop; sys.exit(int(open('verdict').read()))"
    ran = flux("bug", "bisect", "--good", "v0", "--run", f'{sys.executable} -c "{shadowed}"')
    assert ran.code == 2
    assert "shop was imported from your checkout" in ran.err
    fine = "import shop, sys; sys.exit(int(open('verdict').read()))"
    assert flux("bug", "bisect", "--good", "v0", "--run", f'{sys.executable} -c "{fine}"').code == 0


def test_skipped_commits_that_hide_it(history: Path, flux: Flux) -> None:
    run = f"case $(cat notes) in {CULPRIT - 1}|{CULPRIT}) exit 125;; esac; {RUN}"
    ran = flux("bug", "bisect", "--good", "v0", "--run", run)
    assert ran.code == 1
    assert "NO FIRST BAD COMMIT" in ran.out
    assert "one of these" in ran.out
    for number in range(CULPRIT - 1, CULPRIT + 2):
        assert f"change {number}" in ran.out
