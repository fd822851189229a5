"""The story `flux demo` tells: a service breaks, and the failure is on the line that caused it."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from flux_ls.collector.daemon import ensure_collector
from flux_ls.config import Settings, load
from flux_ls.demo.project import head_revision, write_playground
from flux_ls.demo.published import Hint, published_hints
from flux_ls.demo.service import CALLS, ServiceFailed, missing_packages, running, send_all
from flux_ls.model import Request
from flux_ls.store.errors import StoreMissing
from flux_ls.store.reader import Reader

_ARRIVAL_TIMEOUT_S = 15.0
_FAULTY = Path("shop") / "payments.py"

Say = Callable[[str], None]


def play(folder: Path, say: Say, *, colour: bool) -> bool:
    """Tells the story with the playground in `folder`, which is made if need be; True when a request failed.

    Raises NotAPlayground, ServiceFailed, ServerSilent, or what the collector raises.
    """
    if missing := missing_packages():
        raise ServiceFailed(
            f"the playground needs {', '.join(missing)}, which this environment does not have: "
            "pip install 'flux-ls[demo]' into it"
        )
    folder = folder.resolve()
    if write_playground(folder):
        say(f"Made a small shop in {folder}: a Flask service with five commits of history.")
    settings = load(folder, {}).settings
    collector = ensure_collector(settings)
    say(f"Running it under the OpenTelemetry SDK and sending it {len(CALLS)} requests ...")
    since_ns = time.time_ns()
    with running(folder, otlp_port=collector.http_port, revision=head_revision(folder)) as port:
        statuses = send_all(port)
        requests = _arrived(settings, since_ns)
    failed = [request for request in requests if request.failed]
    _show(folder, say, colour, "tail", "--no-follow", "--since", _seconds_since(since_ns))
    if not failed:
        good = sum(status < 400 for status in statuses)
        say(f"\nNothing failed: {good} of {len(statuses)} requests were answered well.")
        say("If you have just mended it, that is the proof: the hint in your editor is gone.")
        return False
    _show(folder, say, colour, "why", failed[-1].short_id)
    say(f"\n$ nvim {_FAULTY}      (as the language server published it)\n")
    server = [sys.executable, "-m", "flux_ls.lsp"]
    say(_annotated(folder / _FAULTY, published_hints(server, folder, folder / _FAULTY, _plain_environment())))
    say(_what_next(folder))
    return True


def _arrived(settings: Settings, since_ns: int) -> list[Request]:
    deadline = time.monotonic() + _ARRIVAL_TIMEOUT_S
    found: list[Request] = []
    while time.monotonic() < deadline:
        try:
            with Reader(settings.store) as reader:
                found = [request for request in reader.requests(since_ns=since_ns) if request.complete]
        except StoreMissing:
            found = []
        if len(found) >= len(CALLS):
            return found
        time.sleep(0.05)
    raise ServiceFailed(
        f"only {len(found)} of {len(CALLS)} requests arrived in {settings.store}:"
        " 'flux doctor' says where they are lost"
    )


def _show(folder: Path, say: Say, colour: bool, *arguments: str) -> None:
    run = subprocess.run(
        [sys.executable, "-m", "flux_ls.cli", *arguments],
        cwd=folder,
        env={**_plain_environment(), **({"FORCE_COLOR": "1"} if colour else {"NO_COLOR": "1"})},
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )
    if run.returncode != 0:
        raise ServiceFailed(f"'flux {' '.join(arguments)}' ended with {run.returncode}: {run.stderr.strip()}")
    say(f"\n$ flux {' '.join(arguments)}\n")
    say(run.stdout.rstrip("\n"))


def _annotated(file: Path, hints: list[Hint]) -> str:
    lines = file.read_text(encoding="utf-8").splitlines()
    shown: list[str] = []
    first, last = min(hint.line for hint in hints), max(hint.line for hint in hints)
    for number in range(max(0, first - 3), min(len(lines), last + 3)):
        shown.append(f"  {number + 1:>4} │ {lines[number]}")
        shown.extend(
            f"       │ {' ' * hint.start}{'~' * max(1, hint.end - hint.start)} ■ {hint.message.splitlines()[0]}"
            for hint in hints
            if hint.line == number
        )
    return "\n".join(shown)


def _what_next(folder: Path) -> str:
    scripts = Path(sys.executable).parent
    on_path = shutil.which("flux") is not None and shutil.which("flux-ls") is not None
    flux = "flux" if on_path else str(scripts / "flux")
    path = "" if on_path else f'PATH="{scripts}:$PATH" '
    # Settings of the environment would win over the playground's own.
    overriding = "".join(f" -u {name}" for name in sorted(os.environ) if name.startswith("FLUX_"))
    clean = f"env{overriding} " if overriding else ""
    plugin = Path(__file__).parents[2] / "editors" / "neovim"
    with_plugin = f"--cmd 'set runtimepath^={plugin}' " if plugin.is_dir() else ""
    return f"""
See it in an editor (Neovim 0.11 or later{"" if with_plugin else ", with the Flux plugin"}):
  cd {folder}
  {path}{clean}nvim {with_plugin}{_FAULTY}
  There, :Flux why explains it and :Flux tail shows requests as they come in.
Mend it:
  give the line a rate for a currency it does not know, for example RATES.get(currency, 1.0), and save. Then
  {flux} demo {folder}
  sends the same requests again: they pass, and the hint in the editor goes."""


def _plain_environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("FLUX_")}


def _seconds_since(since_ns: int) -> str:
    return f"{(time.time_ns() - since_ns) // 1_000_000_000 + 2}s"
