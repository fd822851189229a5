"""Writing the playground: files, settings of its own, and a git history."""

import os
import shutil
import socket
import subprocess
from importlib.resources import as_file, files
from pathlib import Path

from flux_ls.demo.history import COMMITS, Commit

_FIRST_DAY = 1_756_108_800  # 2025-08-25T08:00:00Z
_SETTINGS = """\
# Settings of this playground alone: its traces and its collector are its own.
[tool.flux]
store = ".flux/flux.db"
otlp_http_port = {http_port}
otlp_grpc_port = 0
idle_exit = 1800
"""


class NotAPlayground(Exception):
    """The folder holds something else."""


def write_playground(folder: Path) -> bool:
    """Writes the project and its history; False when the folder is a playground already, which is left as it is.

    Raises NotAPlayground when the folder holds anything else or cannot be made, or when git is missing.
    """
    if (folder / "shop" / "payments.py").exists() and (folder / ".flux").exists():
        return False
    if folder.exists() and any(folder.iterdir()):
        raise NotAPlayground(f"{folder} is not empty: name a new folder, as in 'flux demo ~/flux-demo'")
    if shutil.which("git") is None:
        raise NotAPlayground("the playground has a git history, and there is no git on PATH: install git first")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise NotAPlayground(
            f"{folder} cannot be made ({reason}): name another folder, as in 'flux demo ~/flux-demo'"
        ) from None
    with as_file(files("flux_ls.demo") / "playground") as source:
        shutil.copytree(source, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "gitignore").rename(folder / ".gitignore")
    (folder / "pyproject.toml").write_text(_SETTINGS.format(http_port=free_port()), encoding="utf-8")
    (folder / ".flux").mkdir(mode=0o700)
    _git(folder, "init", "--quiet", "--initial-branch", "main")
    _commit(folder, Commit("Open the shop", "Alice Moreau", 0, ()))
    for commit in COMMITS:
        for edit in commit.edits:
            path = folder / edit.path
            text = path.read_text(encoding="utf-8") if path.exists() else ""
            if edit.old not in text:
                raise NotAPlayground(f"{edit.path} does not have what {commit.subject!r} edits")
            path.write_text(text.replace(edit.old, edit.new, 1), encoding="utf-8")
        _commit(folder, commit)
    return True


def head_revision(folder: Path) -> str:
    """The commit that is checked out."""
    return _git(folder, "rev-parse", "HEAD").strip()


def _commit(folder: Path, commit: Commit) -> None:
    when = f"{_FIRST_DAY + commit.day * 86_400} +0000"
    name = commit.author
    mail = f"{name.split(maxsplit=1)[0].lower()}@shop.example"
    identity = {
        "GIT_AUTHOR_NAME": name,
        "GIT_AUTHOR_EMAIL": mail,
        "GIT_AUTHOR_DATE": when,
        "GIT_COMMITTER_NAME": name,
        "GIT_COMMITTER_EMAIL": mail,
        "GIT_COMMITTER_DATE": when,
    }
    _git(folder, "add", "--all")
    _git(folder, "commit", "--quiet", "--no-gpg-sign", "--message", commit.subject, environment=identity)


def _git(folder: Path, *arguments: str, environment: dict[str, str] | None = None) -> str:
    # The user's own configuration and hooks have no say in a playground.
    isolated = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    run = subprocess.run(
        ["git", *arguments],
        cwd=folder,
        env={**_without_git(os.environ), **isolated, **(environment or {})},
        capture_output=True,
        text=True,
        check=False,
    )
    if run.returncode != 0:
        raise NotAPlayground(f"git {arguments[0]} failed in {folder}: {run.stderr.strip()}")
    return run.stdout


def _without_git(environment: "os._Environ[str]") -> dict[str, str]:
    return {name: value for name, value in environment.items() if not name.startswith("GIT_")}


def free_port() -> int:
    """A loopback port that nobody listens on right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
