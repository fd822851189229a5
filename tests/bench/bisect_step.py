"""What a step of a bisect costs besides the run itself, against `git bisect run` on the same file system.

Made-up histories, a trivial command, interleaved: the wall time of a whole search divided by its steps, the time of the
command alone taken off, and beside it that of the same checkouts alone, one after the other in a worktree of git's.
They are nearly all of what git takes. The next ones are made ready while a command runs, which one that ends at once
leaves no time for. Then the same with a command that takes a while, tried one and two at a time.
"""

import os
import random
import shutil
import statistics
import subprocess
import tempfile
import threading
import time
from pathlib import Path

from flux_ls.bisect.bisection import Asked, bisect
from flux_ls.bisect.oracles import CommandOracle
from flux_ls.git.repository import Repository

COMMITS, FILES, LINES = 2000, 500, 60
REPEATS = 9
MEMORY = Path("/dev/shm")


def history(root: Path) -> list[str]:
    """A line of commits, each of which changes a few of many files."""
    chance = random.Random(1)
    root.mkdir(parents=True)
    subprocess.run(["git", "init", "-q", "-b", "main", str(root)], check=True)
    out: list[str] = []

    def blob(path: str, number: int) -> None:
        text = "\n".join(f"line_{at} = {number * at % 97}" for at in range(LINES))
        out.extend((f"M 100644 inline {path}", f"data {len(text)}", text))

    names = [f"package/part{number % 20}/module{number}.py" for number in range(FILES)]
    for number in range(COMMITS):
        out += ["commit refs/heads/main", f"committer A <a@b> {1_700_000_000 + number} +0000", "data 1", "x"]
        for path in names if number == 0 else chance.sample(names, 4):
            blob(path, number)
        out += ["M 100644 inline number", f"data {len(str(number))}", str(number), ""]
    subprocess.run(["git", "fast-import", "--quiet"], cwd=root, input="\n".join(out).encode(), check=True)
    subprocess.run(["git", "checkout", "-qf", "main"], cwd=root, check=True)
    told = subprocess.run(
        ["git", "rev-list", "--reverse", "main"], cwd=root, capture_output=True, text=True, check=True
    )
    return told.stdout.split()


def git_run(root: Path, bad: str, good: str, command: str) -> tuple[float, int]:
    def git(*words: str) -> str:
        return subprocess.run(["git", *words], cwd=root, capture_output=True, text=True, check=True).stdout

    git("bisect", "start", bad, good)
    began = time.perf_counter()
    git("bisect", "run", "sh", "-c", command)
    took = time.perf_counter() - began
    steps = git("bisect", "log").count("\ngit bisect ") - 1
    git("bisect", "reset", "main")
    return took, steps


def flux_run(root: Path, bad: str, good: str, command: str, at_once: int = 1) -> tuple[float, float, list[str]]:
    """Seconds of the search alone and of all of it, and the commits that the search tried."""
    moments: list[float] = []

    def report(progress: object) -> None:
        latest = getattr(progress, "latest", None)
        if latest is not None:
            moments.append(time.perf_counter())
            purposes.append(latest.purpose)
            tried.append(latest.revision)

    purposes: list[str | None] = []
    tried: list[str] = []
    with tempfile.TemporaryDirectory() as logs:
        oracle = CommandOracle(command, 60, root, os.environ)
        began = time.perf_counter()
        asked = Asked(bad=bad, goods=(good,), at_once=at_once)
        bisect(Repository(root), oracle, asked, logs=Path(logs), report=report, cancel=threading.Event())
        whole = time.perf_counter() - began
    first = purposes.index("search")
    last = len(purposes) - 1 - purposes[::-1].index("search")
    return moments[last] - moments[first - 1], whole, tried[first : last + 1]


def bare_run(root: Path, command: str) -> float:
    began = time.perf_counter()
    subprocess.run(["sh", "-c", command], cwd=root, capture_output=True, check=False)
    return time.perf_counter() - began


def checkout_alone(root: Path, begin: str, commits: list[str], scratch: Path) -> float:
    """A bare `git worktree`, from commit to commit."""
    tree = scratch / "tree"
    subprocess.run(["git", "worktree", "add", "-q", "--detach", str(tree), begin], cwd=root, check=True)
    began = time.perf_counter()
    for commit in commits:
        subprocess.run(["git", "checkout", "-qf", "--detach", commit], cwd=tree, check=True)
    took = (time.perf_counter() - began) / len(commits)
    subprocess.run(["git", "worktree", "remove", "--force", str(tree)], cwd=root, check=True)
    return took


def main() -> None:
    folder = MEMORY if MEMORY.is_dir() else Path(tempfile.gettempdir())
    scratch = Path(tempfile.mkdtemp(prefix="flux-bench-", dir=folder))
    try:
        root = scratch / "project"
        commits = history(root)
        chance = random.Random(2)
        print(f"bisect, a step without its run ({COMMITS} commits, {FILES} files, in {folder}):")
        for name, pause in (
            ("a command that ends at once", ""),
            ("a command of 0.05 s", "sleep 0.05; "),
            ("a command of 0.2 s", "sleep 0.2; "),
        ):
            theirs, ours, trees = [], [], []
            for _ in range(REPEATS):
                culprit = chance.randrange(1, COMMITS)
                command = f"{pause}test $(cat number) -lt {culprit}"
                alone = statistics.median(bare_run(root, command) for _ in range(5))
                took, steps = git_run(root, commits[-1], commits[0], command)
                theirs.append(took / steps - alone)
                took, _, tried = flux_run(root, commits[-1], commits[0], command)
                ours.append(took / len(tried) - alone)
                trees.append(checkout_alone(root, commits[0], tried, scratch))
            git, flux, tree = (statistics.median(each) * 1000 for each in (theirs, ours, trees))
            print(
                f"  {name}: git bisect run {git:.1f} ms, Flux {flux:.1f} ms: {flux / git:.2f}x (bar 0.9);"
                f" the same checkouts alone {tree:.1f} ms"
            )
        one, two = [], []
        for _ in range(REPEATS):
            command = f"sleep 0.5; test $(cat number) -lt {chance.randrange(1, COMMITS)}"
            one.append(flux_run(root, commits[-1], commits[0], command)[0])
            two.append(flux_run(root, commits[-1], commits[0], command, at_once=2)[0])
        ratio = statistics.median(b / a for a, b in zip(one, two, strict=True))
        print(
            f"  a command of 0.5 s, the search alone: -j 1 {statistics.median(one):.2f} s,"
            f" -j 2 {statistics.median(two):.2f} s: {ratio:.2f}x"
        )
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


if __name__ == "__main__":
    main()
