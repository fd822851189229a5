"""Which project of a checkout a request belongs to, under which settings and interpreter it runs there."""

from pathlib import Path
from typing import Any

import pytest

from flux_ls.config import load
from flux_ls.replay.interpreter import interpreter_for
from flux_ls.replay.project_words import check_project
from flux_ls.replay.projects import Project, Projects
from flux_ls.source.workspace import Workspace
from tests.recorded import Recorded
from tests.telemetry import RECORDER, Raises, http, span

SHARED = "def parsed(text):\n    return int(text)\n"
SHOP = "from common.numbers import parsed\n\n\ndef total(form):\n    return parsed(form['n'])\n"
FILES = {
    "pyproject.toml": "[tool.flux]\napp = 'gate:app'\n",
    "libs/common/pyproject.toml": "[project]\nname = 'common'\n",
    "libs/common/common/numbers.py": SHARED,
    "services/gate/pyproject.toml": "[project]\nname = 'gate'\n",
    "services/gate/gate.py": "def open_gate():\n    return 1\n",
    "services/shop/pyproject.toml": "[tool.flux]\napp = 'shop.app:make'\n",
    "services/shop/shop/app.py": SHOP,
    "script.py": "def main():\n    pass\n",
}


@pytest.fixture
def checkout(tmp_path: Path) -> Recorded:
    recorded = Recorded(tmp_path)
    recorded.payments.unlink()
    for name, text in FILES.items():
        recorded.write(name, text)
    return recorded


def projects(checkout: Recorded, here: str | None = None, environ: dict[str, str] | None = None) -> Projects:
    return Projects(
        folders=(checkout.root,),
        load=lambda folder: load(checkout.root, {"FLUX_IDLE_EXIT": "7"}, inside=folder),
        environ={"PATH": "/nowhere", **(environ or {})},
        here=None if here is None else checkout.root / here,
    )


def code(path: object, line: int, function: str) -> dict[str, Any]:
    return {"code.file.path": str(path), "code.line.number": line, "code.function.name": function}


def project_of(checkout: Recorded, id: str, **how: Any) -> Project:
    with checkout.reader() as reader:
        found = projects(checkout, **how).of(reader.spans(id), Workspace([checkout.root]))
    assert found is not None
    return found


def folder_of(checkout: Recorded, id: str, **how: Any) -> str:
    return project_of(checkout, id, **how).root.relative_to(checkout.root).as_posix()


def test_the_project_around_the_code_that_answered(checkout: Recorded) -> None:
    root = checkout.root
    calls = [span(f"parse {n}", attributes=code(root / "libs/common/common/numbers.py", 1, "parsed")) for n in range(3)]
    # Shared code is in more of its spans.
    total = http("POST", "/total", attributes=code(root / "services/shop/shop/app.py", 4, "total"), children=calls)
    assert folder_of(checkout, checkout.add(total, resource=RECORDER)) == "services/shop"
    gate = http("POST", "/gate", attributes=code(root / "services/gate/gate.py", 1, "open_gate"))
    assert folder_of(checkout, checkout.add(gate), here="services/shop") == "services/gate"
    script = http("POST", "/", attributes=code(root / "script.py", 1, "main"))
    assert folder_of(checkout, checkout.add(script), here="services/shop") == "."


def test_code_that_ran_elsewhere_is_found_by_its_file(checkout: Recorded) -> None:
    total = http("POST", "/total", attributes=code("/app/shop/app.py", 4, "total"))
    assert folder_of(checkout, checkout.add(total)) == "services/shop"


def test_without_a_handler_the_failing_code_tells_it(checkout: Recorded) -> None:
    file = str(checkout.root / "services/shop/shop/app.py")
    raises = Raises("KeyError", "'n'", ((file, 5, "total", "return parsed(form['n'])"),))
    failed = http("POST", "/total", 500, children=[span("inner", raises=raises)])
    assert folder_of(checkout, checkout.add(failed)) == "services/shop"


@pytest.mark.parametrize(
    ("told", "here", "expected"),
    [
        ("services/shop", None, "services/shop"),
        ("services/shop/shop", "services/gate", "services/shop"),
        ("services/gone", "services/gate", "services/gate"),
        ("services/shop/../gate", "services/shop", "services/shop"),
        (None, "services/gate", "services/gate"),
        (None, "libs", "."),
        (None, None, "."),
    ],
)
def test_without_any_code_the_folder_it_was_started_in_tells_it(
    checkout: Recorded, told: str | None, here: str | None, expected: str
) -> None:
    resource = {} if told is None else {"process.working_directory": f"{checkout.root}/{told}"}
    assert folder_of(checkout, checkout.add(http("GET", "/"), resource=resource), here=here) == expected


def test_a_working_folder_elsewhere_says_nothing(checkout: Recorded, tmp_path: Path) -> None:
    for told in ("/", str(tmp_path), "services/shop", "-rf"):
        id = checkout.add(http("GET", "/"), resource={"process.working_directory": told})
        assert folder_of(checkout, id, here="services/gate") == "services/gate", told


def test_nobody_has_a_folder_open() -> None:
    nowhere = Projects(folders=(), load=lambda folder: load(folder, {}), environ={})
    assert nowhere.of((), Workspace([])) is None
    assert check_project(nowhere, (), Workspace([])) is None


def test_the_nearest_settings_hold(checkout: Recorded) -> None:
    def told(folder: str) -> tuple[str, str, float]:
        found = projects(checkout).at(checkout.root / folder)
        return found.settings.app, found.loaded.origin["app"], found.settings.idle_exit

    root = checkout.root / "pyproject.toml"
    shop = checkout.root / "services/shop/pyproject.toml"
    assert told("services/shop") == ("shop.app:make", f"pyproject.toml ({shop})", 7)
    assert told("services/gate") == told(".") == ("gate:app", f"pyproject.toml ({root})", 7)


def test_where_it_would_run_is_told_with_the_files_that_say_so(checkout: Recorded) -> None:
    checkout.write("services/shop/.venv/pyvenv.cfg", "")
    python = checkout.write("services/shop/.venv/bin/python", "")
    total = http("POST", "/total", attributes=code(checkout.root / "services/shop/shop/app.py", 4, "total"))
    id = checkout.add(total)
    with checkout.reader() as reader:
        check = check_project(projects(checkout), reader.spans(id), Workspace([checkout.root]))
    file = checkout.root / "services/shop/pyproject.toml"
    told = f"services/shop, run by {python}; idle_exit from FLUX_IDLE_EXIT; app from pyproject.toml ({file})"
    assert check is not None
    assert (check.ok, check.detail) == (True, told)


@pytest.fixture
def environments(tmp_path: Path) -> Path:
    """Of the checkout, of a project in it, of another one, and elsewhere."""
    for name in (
        "repo/.venv",
        "repo/.venvs/both",
        "repo/services/shop/venv",
        "repo/services/gate/.venv",
        "elsewhere",
        "repo/bare/.venv",
    ):
        (tmp_path / name / "bin").mkdir(parents=True)
        (tmp_path / name / "bin" / "python").touch()
        if name != "repo/bare/.venv":
            (tmp_path / name / "pyvenv.cfg").touch()
    for name in ("shop", "gate"):
        (tmp_path / "repo" / "services" / name / "pyproject.toml").touch()
    return tmp_path


@pytest.mark.parametrize(
    ("project", "active", "expected"),
    [
        (".", None, "repo/.venv"),
        ("services/shop", None, "repo/services/shop/venv"),
        ("services/new", None, "repo/.venv"),
        ("bare", None, "repo/.venv"),
        # What is active counts, wherever it is...
        ("services/shop", "elsewhere", "elsewhere"),
        (".", "elsewhere", "elsewhere"),
        (".", "repo/.venvs/both", "repo/.venvs/both"),
        ("services/new", "repo/.venvs/both", "repo/.venvs/both"),
        # ... but for what is another project's, or farther away.
        ("services/shop", "repo/.venv", "repo/services/shop/venv"),
        ("services/shop", "repo/.venvs/both", "repo/services/shop/venv"),
        ("services/shop", "repo/services/gate/.venv", "repo/services/shop/venv"),
        (".", "repo/services/gate/.venv", "repo/.venv"),
        ("services/gate", "repo/services/gate/.venv", "repo/services/gate/.venv"),
        # One that is gone is none.
        ("services/new", "gone", "repo/.venv"),
    ],
)
def test_the_nearest_environment(environments: Path, project: str, active: str | None, expected: str) -> None:
    environ = {"PATH": "/nowhere"} | ({} if active is None else {"VIRTUAL_ENV": str(environments / active)})
    root, top = environments / "repo" / project, environments / "repo"
    assert interpreter_for(root, "python3", "default", environ, top) == str(environments / expected / "bin" / "python")


def test_a_named_interpreter_and_none(environments: Path) -> None:
    assert interpreter_for(environments / "repo", "/opt/python", "pyproject.toml", {}) == "/opt/python"
    assert interpreter_for(environments / "none", "python3", "default", {"PATH": "/nowhere"}) == "python3"
