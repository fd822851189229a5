"""A real git repository to test with: it knows nothing of the user's own settings."""

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

ALONE = {
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_AUTHOR_NAME": "Ada",
    "GIT_AUTHOR_EMAIL": "ada@example.org",
    "GIT_COMMITTER_NAME": "Ada",
    "GIT_COMMITTER_EMAIL": "ada@example.org",
}


def git(root: Path, *words: str, asked: bytes = b"", fine: tuple[int, ...] = (0,), **environment: str) -> str:
    """What git prints."""
    told = subprocess.run(
        ["git", "-c", "protocol.file.allow=always", *words],
        cwd=root,
        input=asked,
        capture_output=True,
        env={**os.environ, **ALONE, **environment},
        timeout=60,
    )
    assert told.returncode in fine, told.stderr.decode()
    return told.stdout.decode("utf-8", "surrogateescape").strip()


def new(root: Path) -> Path:
    """An empty repository on the branch main."""
    root.mkdir(parents=True, exist_ok=True)
    git(root, "init", "-q", "-b", "main")
    return root


def write(root: Path, files: Mapping[str, str | bytes | None]) -> None:
    """Files with their content; None for one that goes."""
    for name, content in files.items():
        path = root / name
        if content is None:
            path.unlink()
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)


def commit(root: Path, files: Mapping[str, str | bytes | None] | None = None, message: str = "change") -> str:
    """Writes files and commits all there is; the id of the commit."""
    write(root, files or {})
    git(root, "add", "-A")
    git(root, "commit", "-q", "--allow-empty", "-m", message)
    return git(root, "rev-parse", "HEAD")
