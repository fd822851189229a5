"""The VS Code extension's manifest says what the server has, and its own tests pass; the editor itself is in e2e/."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from flux_ls import __version__
from flux_ls.config import OPTIONS
from flux_ls.lsp import commands, manifest

FOLDER = Path(__file__).parent.parent / "editors" / "vscode"
MANIFEST = json.loads((FOLDER / "package.json").read_text(encoding="utf-8"))
PROPERTIES = MANIFEST["contributes"]["configuration"]["properties"]
TITLES = {each["command"]: each["title"] for each in MANIFEST["contributes"]["commands"]}
RENEW = "renew it with 'python -m flux_ls.lsp.manifest editors/vscode/package.json'"


def test_the_settings_of_the_server_are_those_that_it_reads() -> None:
    assert manifest.renewed(MANIFEST) == MANIFEST, RENEW
    assert {name for name in PROPERTIES if name.count(".") == 1} == {option.editor for option in OPTIONS}


def test_settings_of_the_extension_are_known_to_it_as_such() -> None:
    """What is not listed as the extension's own would be handed to the server, which does not know it."""
    listed = re.search(r"OWN = \[(.*)\]", (FOLDER / "src" / "settings.ts").read_text(encoding="utf-8"))
    assert listed is not None
    assert {name.split(".")[1] for name in PROPERTIES if name.count(".") > 1} == set(re.findall(r'"(\w+)"', listed[1]))


@pytest.mark.parametrize("name", ["flux.server.path", "flux.python", "flux.store", "flux.explainUrl"])
def test_what_names_a_program_or_a_place_is_of_the_machine(name: str) -> None:
    assert PROPERTIES[name]["scope"].startswith("machine")
    assert name in MANIFEST["capabilities"]["untrustedWorkspaces"]["restrictedConfigurations"]


def test_no_folder_says_where_a_key_is_sent() -> None:
    assert {PROPERTIES[name]["scope"] for name in PROPERTIES if name.startswith("flux.explain")} == {"machine"}


def test_every_command_of_the_server_is_in_the_palette() -> None:
    # What the view of failures asks by itself, for the rows below a group, is not for people.
    asked = {f"flux.{command.name}" for command in commands.COMMANDS} - {"flux.samples"}
    assert asked <= set(TITLES)


def test_what_runs_code_is_offered_in_trusted_workspaces_only() -> None:
    trusted = {
        each["command"]
        for each in MANIFEST["contributes"]["menus"]["commandPalette"]
        if "isWorkspaceTrusted" in each["when"]
    }
    assert {f"flux.{command.name}" for command in commands.COMMANDS if command.runs_code} <= trusted


def test_extension_and_server_have_one_version() -> None:
    assert MANIFEST["version"] == __version__
    oldest = re.search(r'OLDEST = "([\d.]+)"', (FOLDER / "src" / "server" / "trying.ts").read_text(encoding="utf-8"))
    assert oldest is not None
    assert [int(part) for part in oldest[1].split(".")] <= [int(part) for part in __version__.split(".")]


def test_the_pictures_that_are_named_are_there() -> None:
    walkthrough = MANIFEST["contributes"]["walkthroughs"][0]["steps"]
    named = [MANIFEST["icon"], *(path for step in walkthrough for path in step["media"].values() if "/" in path)]
    readme = (FOLDER / "README.md").read_text(encoding="utf-8")
    named += re.findall(r"\]\((media/[^)]+)\)", readme)
    assert [path for path in named if not (FOLDER / path).is_file()] == []


def test_the_readme_names_every_command_and_every_setting_of_the_extension() -> None:
    readme = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert [title for title in TITLES.values() if title not in readme] == []
    assert [name for name in PROPERTIES if name.count(".") > 1 and f"`{name}`" not in readme] == []


@pytest.mark.timeout(300)
def test_what_needs_no_editor() -> None:
    npm = shutil.which("npm")
    if npm is None or not (FOLDER / "node_modules").exists():
        reason = "the extension's packages are not installed (npm ci --ignore-scripts in editors/vscode)"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    done = subprocess.run([npm, "test"], cwd=FOLDER, capture_output=True, text=True, timeout=280, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
