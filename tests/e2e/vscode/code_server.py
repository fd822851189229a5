"""VS Code in a browser: what is installed, a server with the packaged extension, and the browser that shows it."""

import json
import os
import shutil
import socket
import subprocess
import tempfile
import urllib.request
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from zipfile import ZipFile

from filelock import FileLock
from playwright.sync_api import Browser, sync_playwright

from tests.e2e.editor import REPOSITORY
from tests.e2e.launch import clean_environment
from tests.e2e.processes import Process, eventually, free_ports

EXTENSION = REPOSITORY / "editors" / "vscode"
INSTALLED = REPOSITORY / ".cache" / "code-server"
HERE = Path(__file__).parent
NODE = INSTALLED / "node" / "node"
PACKAGE = INSTALLED / "code-server" / "node_modules" / "code-server"
CODE_SERVER = PACKAGE / "out" / "node" / "entry.js"
CHROMIUM_FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
QUIET = {
    "security.workspace.trust.enabled": False,
    "workbench.startupEditor": "none",
    "workbench.reduceMotion": "on",
    "workbench.tips.enabled": False,
    "workbench.secondarySideBar.defaultVisibility": "hidden",
    "workbench.colorTheme": "Default Dark Modern",
    "telemetry.telemetryLevel": "off",
    "extensions.autoCheckUpdates": False,
    "extensions.autoUpdate": False,
    "extensions.ignoreRecommendations": True,
    "update.mode": "none",
    "chat.disableAIFeatures": True,
    "git.enabled": False,
    "remote.autoForwardPorts": False,
    "editor.accessibilitySupport": "off",
    "editor.hover.delay": 50,
    # The tooltip of a row would stand in front of the next.
    "workbench.hover.delay": 60_000,
    "editor.minimap.enabled": False,
    "editor.autoClosingBrackets": "never",
    "editor.quickSuggestions": {"other": "off", "comments": "off", "strings": "off"},
    "window.commandCenter": False,
}
"""Settings that keep the editor from asking and moving."""


def chromium() -> str | None:
    return shutil.which("chromium") or shutil.which("google-chrome")


def missing() -> str | None:
    """What this machine lacks for a VS Code in a browser."""
    if not CODE_SERVER.exists():
        return "code-server is not installed (make .cache/code-server/installed)"
    return None if chromium() else "Chromium is not installed (Debian: apt install chromium)"


def packaged() -> Path:
    """The extension as users install it, built anew if anything of it has changed."""
    with FileLock(REPOSITORY / ".cache" / "package.lock"):
        plain = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
        done = subprocess.run(
            ["make", "--no-print-directory", "package"],
            cwd=REPOSITORY,
            env=plain,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, f"make package:\n{done.stdout}{done.stderr}"
        (vsix,) = (REPOSITORY / "dist").glob("flux-*.vsix")
        return vsix


def zipped(source: Path, into: Path) -> Path:
    """A small extension as a package that can be installed."""
    file = into / f"{source.name}.vsix"
    with ZipFile(file, "w") as out:
        for part in source.iterdir():
            out.write(part, f"extension/{part.name}")
    return file


def probe(into: Path) -> Path:
    """The door into the extension host."""
    return zipped(HERE / "probe", into)


def install(extensions: Iterable[Path], into: Path) -> None:
    """Puts packages into a folder of extensions, as `code --install-extension` does."""
    into.mkdir(parents=True, exist_ok=True)
    named = [word for vsix in extensions for word in ("--install-extension", str(vsix))]
    done = subprocess.run(
        [*_code_server(into.parent, into), *named],
        env=_environment(into.parent, {}),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout}{done.stderr}"


def _code_server(folder: Path, extensions: Path) -> list[str]:
    config = folder / "config.yaml"
    config.write_text("auth: none\ncert: false\n")
    return [
        *(str(NODE), str(CODE_SERVER), "--config", str(config)),
        *("--user-data-dir", str(folder / "user-data"), "--extensions-dir", str(extensions)),
    ]


def _environment(folder: Path, env: Mapping[str, str]) -> dict[str, str]:
    own = {f"XDG_{name}_HOME": str(folder / name.lower()) for name in ("DATA", "CONFIG", "STATE", "CACHE")}
    # As if it was started from a shell: it would ask a login shell for PATH otherwise.
    return clean_environment() | {"HOME": str(folder), "VSCODE_CLI": "1"} | own | dict(env)


def _connected(door: Path) -> socket.socket | None:
    """A connection to a host that listens there."""
    knock = socket.socket(socket.AF_UNIX)
    try:
        knock.connect(str(door))
    except OSError:
        knock.close()
        return None
    return knock


class HostError(AssertionError):
    """What was run in the extension host failed."""


class CodeServer:
    """A VS Code that a browser can open, with the extensions of a folder; its group ends with it."""

    def __init__(
        self,
        folder: Path,
        extensions: Path,
        *,
        env: Mapping[str, str] = {},
        settings: Mapping[str, Any] = {},
        trust: bool = False,
    ) -> None:
        """`trust` has the editor ask which folders are trusted."""
        self.folder = folder
        self.extensions = extensions
        # The paths of sockets are short.
        self.doors = Path(tempfile.mkdtemp(prefix="flux-vs-"))
        (self.port,) = free_ports(1)
        self.settings(QUIET | ({"security.workspace.trust.enabled": True} if trust else {}) | dict(settings))
        argv = [
            *_code_server(folder, extensions),
            *("--auth", "none", "--bind-addr", f"127.0.0.1:{self.port}"),
            *("--disable-telemetry", "--disable-update-check", "--disable-getting-started-override"),
            *(() if trust else ("--disable-workspace-trust",)),
        ]
        environment = _environment(folder, env) | {"FLUX_TESTS_DOORS": str(self.doors)}
        self.process = Process(argv, cwd=folder, env=environment, log=folder / "code-server.log")

    def settings(self, settings: Mapping[str, Any]) -> None:
        """What the user's settings are from now on."""
        file = self.folder / "user-data" / "User" / "settings.json"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(settings, indent=2))

    def hosts(self, workspace: Path) -> set[int]:
        """The processes that are, or were, the extension host of the window that has the workspace open."""
        return {int(door.name.rpartition("-")[2]) for door in self._doors(workspace)}

    def _doors(self, workspace: Path) -> list[Path]:
        """The latest first."""
        name = sha256(str(workspace).encode()).hexdigest()[:16]
        return sorted(self.doors.glob(f"{name}-*"), reverse=True)

    def host(self, workspace: Path, code: str, *given: Any, within: float = 40) -> Any:
        """What a function body returns in the extension host of the window that has the workspace open."""
        door = eventually(
            lambda: next(filter(None, map(_connected, self._doors(workspace))), None),
            within=within,
            what="the extension host to start",
        )
        with door:
            door.settimeout(within)
            door.sendall(json.dumps({"code": code, "given": given}).encode())
            door.shutdown(socket.SHUT_WR)
            told = b"".join(iter(lambda: door.recv(1 << 16), b""))
        answer = json.loads(told)
        if "error" in answer:
            raise HostError(answer["error"])
        return answer["result"]

    def __enter__(self) -> Self:
        try:
            eventually(self._healthy, within=60, what="code-server to listen")
        except AssertionError as error:
            self.process.kill()
            raise AssertionError(f"{error}\n{self.process.output()}") from None
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.process.kill()
        shutil.rmtree(self.doors, ignore_errors=True)

    def _healthy(self) -> bool:
        assert self.process.popen.poll() is None, self.process.output()
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/healthz", timeout=5) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False


@contextmanager
def browser() -> Iterator[Browser]:
    """A Chromium without a screen."""
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium(), headless=True, args=list(CHROMIUM_FLAGS))
        try:
            yield started
        finally:
            started.close()
