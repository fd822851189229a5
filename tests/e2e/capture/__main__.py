"""`make captures`: runs the playground, and draws it in a terminal and in Neovim; VS Code shows a service of its own.

    python -m tests.e2e.capture [--folder PLAYGROUND] [--out FOLDER]

Without a folder a playground is made for the occasion. Any other project will do: `--folder PROJECT --file PATH`, with
the settings of its store in its pyproject.toml.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from msgspec import Struct

from tests.e2e.capture.drawing import svg
from tests.e2e.capture.screen import Screen
from tests.e2e.collector import Collector, end_collector
from tests.e2e.editor import REPOSITORY, neovim
from tests.e2e.launch import BIN, clean_environment
from tests.e2e.neovim import story

PLUGIN = REPOSITORY / "editors" / "neovim"


class Subject(Struct, frozen=True):
    """The project that the pictures are of, and the latest failure in it."""

    folder: Path
    file: str
    line: int
    failing: str
    environment: dict[str, str]

    def flux(self, *words: str) -> list[dict[str, Any]]:
        """What `flux WORDS --json` says: an object a line."""
        done = subprocess.run(
            [BIN / "flux", *words, "--json"],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        )
        return [json.loads(line) for line in done.stdout.splitlines()]


def subject_in(folder: Path, file: str | None, environment: dict[str, str]) -> Subject:
    """Finds the latest failure whose location is in the file, else the latest with any."""
    blank = Subject(folder, file or "", 1, "", environment)
    for request in reversed(blank.flux("tail", "--no-follow", "--since", "7d")):
        if not request["failed"]:
            continue
        location = blank.flux("why", request["id"])[0]["location"]
        if location is not None and location["anchor"] != "unmapped" and file in (None, location["path"]):
            return Subject(folder, location["path"], location["line"], request["short_id"], environment)
    raise SystemExit(f"no failure in {folder} has a location in {file or 'it'}: run 'flux demo {folder}' first")


def shell(subject: Subject, columns: int, rows: int) -> Screen:
    """A bare shell whose prompt is a dollar."""
    argv = ["bash", "--noprofile", "--norc", "-i"]
    environment = subject.environment | {"PS1": "$ ", "PROMPT_COMMAND": "", "HISTFILE": os.devnull}
    return Screen(argv, folder=subject.folder, env=environment, columns=columns, rows=rows)


def draw_terminal(subject: Subject) -> str:
    """`flux tail`, and `flux why` of what failed in it."""
    columns = 92
    with shell(subject, columns, 44) as screen:
        screen.until("$")
        screen.type("flux tail --since 1h --no-follow")
        screen.press("Enter")
        screen.until(f"req:{subject.failing}", "$ ", still=0.6)
        screen.type(f"flux why {subject.failing}")
        screen.press("Enter")
        screen.until("LOCATION", still=0.6)
        return svg(screen.picture(), columns=columns, title="flux tail, flux why")


def editor(subject: Subject, columns: int, rows: int) -> Screen:
    nvim = neovim()
    assert nvim is not None
    look = "set termguicolors background=dark laststatus=0 noruler noshowcmd number shortmess+=F fillchars=eob:\\ "
    argv = [
        nvim,
        "--clean",
        "-n",
        "--cmd",
        f"set runtimepath^={PLUGIN}",
        "--cmd",
        look,
        f"+{subject.line}",
        subject.file,
    ]
    return Screen(argv, folder=subject.folder, env=subject.environment, columns=columns, rows=rows)


def draw_neovim(subject: Subject) -> str:
    """The hint and the lens on the code, and the tail below."""
    columns = 110
    with editor(subject, columns, 26) as screen:
        screen.until("●", "why", within=30)
        screen.type(":Flux tail\r")
        screen.until("Flux tail", f"req:{subject.failing}")
        screen.type(":echo\r")
        screen.until("Flux tail", "●")
        return svg(screen.picture(), columns=columns, title="nvim")


def draw_neovim_why(subject: Subject) -> str:
    """`:Flux why` on the failing line."""
    columns = 110
    with editor(subject, columns, 34) as screen:
        screen.until("●", "why", within=30)
        screen.type(":Flux why\r")
        screen.until("ROOT CAUSE", "LOCATION")
        screen.type(":echo\r")
        screen.until("ROOT CAUSE", "●")
        return svg(screen.picture(), columns=columns, title="nvim :Flux why")


def draw_story(out: Path) -> list[Path]:
    """Lives the story that the tests live, and draws its turns; where they are."""
    out.mkdir(parents=True, exist_ok=True)
    made: list[Path] = []

    def shot(name: str, screen: Screen) -> None:
        if name in STORY_TITLES:
            path = out / f"neovim-{name}.svg"
            title = f"nvim {STORY_TITLES[name]}"
            path.write_text(svg(screen.picture(), columns=story.COLUMNS, title=title), encoding="utf-8")
            made.append(path)

    with tempfile.TemporaryDirectory(prefix="flux-captures-") as scratch:
        folder, kept = Path(scratch) / "till", Path(scratch) / "kept"
        folder.mkdir()
        kept.mkdir()
        with Collector(kept) as collector:
            story.tell(folder, collector.environment | {"FLUX_COLLECTOR": "false"}, sys.executable, shot)
    return made


STORY_TITLES = {
    "debug": ":Flux debug",
    "diff": ":Flux diff",
    "fixed": ":Flux replay",
    "bisect": ":Flux bisect",
}
DRAWINGS = {"terminal": draw_terminal, "neovim": draw_neovim, "neovim-why": draw_neovim_why}
VSCODE = "vscode"
STORY = "story"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.e2e.capture", description=__doc__)
    parser.add_argument("--folder", type=Path, help="a playground or project that has failed; else one is made")
    parser.add_argument("--file", help="the file to show, relative to the folder")
    parser.add_argument("--out", type=Path, default=PLUGIN / "media")
    parser.add_argument("--only", choices=[*sorted(DRAWINGS), STORY, VSCODE], action="append")
    given = parser.parse_args()
    wanted = given.only or [*DRAWINGS, STORY, VSCODE]
    if VSCODE in wanted:
        from tests.e2e.capture import vscode

        for path in vscode.draw(vscode.MEDIA):
            print(path)
        wanted.remove(VSCODE)
    if STORY in wanted:
        for path in draw_story(given.out):
            print(path)
        wanted.remove(STORY)
    if wanted:
        draw(given, wanted)


def draw(given: argparse.Namespace, wanted: list[str]) -> None:
    """Writes the pictures of the terminal and of Neovim."""
    given.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="flux-captures-") as scratch, ExitStack() as stack:
        environment = clean_environment() | {"XDG_STATE_HOME": scratch, "XDG_DATA_HOME": scratch}
        folder = given.folder
        if folder is None:
            folder = Path(scratch) / "flux-demo"
            stack.callback(end_collector, folder / ".flux" / "flux.db")
            subprocess.run([BIN / "flux", "demo", folder], env=environment, check=True, stdout=sys.stderr, timeout=180)
        subject = subject_in(folder.resolve(), given.file, environment)
        for name in wanted:
            path = given.out / f"{name}.svg"
            path.write_text(DRAWINGS[name](subject), encoding="utf-8")
            print(path)


if __name__ == "__main__":
    main()
