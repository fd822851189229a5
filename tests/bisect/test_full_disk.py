"""Where nothing can be written any more, a bisect ends with what to do about it, and goes on from there afterwards."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.bisect.histories import git
from tests.bisect.test_untouched import left_of, state

pytestmark = [
    pytest.mark.timeout(240),
    pytest.mark.skipif(sys.platform != "linux", reason="mounts a small disk for one process alone"),
]
COMMITS, CULPRIT, FULL_AT = 16, 9, 11
KILOBYTES = 200


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "project"
    root.mkdir()
    git(root, "init", "-q", "-b", "main")
    (root / "large").write_bytes(os.urandom(KILOBYTES << 10))
    for number in range(COMMITS):
        (root / "verdict").write_text("1" if number >= CULPRIT else "0")
        (root / "number").write_text(str(number))
        git(root, "add", ".")
        git(root, "commit", "-qm", f"change {number}")
        git(root, "tag", f"v{number}")
    return root


class Disk:
    """A small one for temporary files, of one process alone."""

    def __init__(self, tmp_path: Path) -> None:
        self.folder = tmp_path / "small"
        self.folder.mkdir()

    def start(self, root: Path, store: Path, run: str, options: str) -> subprocess.CompletedProcess[str]:
        """A bisect that has it; options are those of `mount`, and none for what the machine has."""
        # No folder is made in memory where programs cannot run.
        memory = "mount --bind /dev/shm /dev/shm && mount -o remount,bind,noexec /dev/shm"
        mounts = f"{memory} && mount -t tmpfs -o {options} none {self.folder} && " if options else ""
        return bisect(root, store, run, mounts + 'exec "$@"', str(self.folder), "unshare", "-rm")


def bisect(
    root: Path, store: Path, run: str, script: str, temporary: str, *words: str
) -> subprocess.CompletedProcess[str]:
    asked = ("bug", "bisect", "--store", str(store), "--good", "v0", "--bad", f"v{COMMITS - 1}", "--run", run)
    return subprocess.run(
        [*words, "sh", "-c", script, "sh", sys.executable, "-m", "flux_ls.cli", *asked],
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), "TMPDIR": temporary},
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=120,
        check=False,
    )


@pytest.fixture
def disk(tmp_path: Path) -> Disk:
    tried = subprocess.run(["unshare", "-rm", "mount", "-t", "tmpfs", "none", str(tmp_path)], check=False)
    if tried.returncode:
        pytest.skip("nothing can be mounted here")
    return Disk(tmp_path)


SAYS = "exit $(cat verdict)"
FILLS = f"test $(cat number) -ne {FULL_AT} || head -c 20m /dev/zero > more; {SAYS}"


@pytest.mark.parametrize(
    ("options", "run"),
    [
        pytest.param("size=4k", SAYS, id="full from the beginning"),
        pytest.param("size=20m,nr_inodes=4", SAYS, id="no more files"),
        pytest.param(f"size={KILOBYTES // 2}k", SAYS, id="too small for a revision"),
        pytest.param("size=8m", FILLS, id="filled by a run"),
        pytest.param("size=8m", f"head -c 20m /dev/zero > more; {SAYS}", id="filled by the first run"),
    ],
)
def test_a_full_disk_is_named_with_its_mend(root: Path, tmp_path: Path, disk: Disk, options: str, run: str) -> None:
    store, before = tmp_path / "store" / "flux.db", state(root)
    ended = disk.start(root, store, run, options)
    assert ended.returncode == 2, ended.stderr
    assert "Traceback" not in ended.stderr
    (said,) = ended.stderr.strip().splitlines()[-1:]
    assert f"nothing can be written in {disk.folder}" in said
    assert "(No space left on device): make room there, or let TMPDIR name another folder" in said
    assert "asked again, it goes on from here" in said
    assert (state(root), left_of(root)) == (before, [])
    again = disk.start(root, store, run, "")
    assert again.returncode == 0, again.stderr
    assert f"change {CULPRIT}" in again.stdout
    assert ("goes on where it was stopped" in again.stdout) == (run == FILLS)


def test_a_log_that_cannot_be_written_is_named_with_its_mend(root: Path, tmp_path: Path) -> None:
    # No file may be larger than that, for what the bisect starts either.
    store = tmp_path / "store" / "flux.db"
    ended = bisect(root, store, SAYS, 'ulimit -f 1; exec "$@"', str(tmp_path))
    assert ended.returncode == 2, ended.stderr
    assert "Traceback" not in ended.stderr
    assert "File too large" in ended.stderr
    again = bisect(root, store, SAYS, 'exec "$@"', str(tmp_path))
    assert again.returncode == 0, again.stderr
    assert f"change {CULPRIT}" in again.stdout
