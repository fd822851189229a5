"""Which Python a command line runs."""

import os
from pathlib import Path

import pytest

from flux_ls.cli.interpreter import Deaf, Interpreter, interpreter_of


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    bin = tmp_path / "bin"
    bin.mkdir()
    far = tmp_path / "a far away" / "bin"
    far.mkdir(parents=True)
    for file in (bin / "python3", bin / "python3.12", bin / "true", far / "python"):
        executable(file, "#!/bin/sh\n")
    executable(bin / "uvicorn", f"#!{bin}/python3.12\nimport sys\n")
    executable(bin / "flask", "#!/usr/bin/env python3\n")
    executable(bin / "split", "#!/usr/bin/env -S python3 -u\n")
    executable(bin / "isolated", f"#!{bin}/python3 -I\n")
    executable(bin / "long", f"#!/bin/sh\n'''exec' \"{far}/python\" \"$0\" \"$@\"\n' '''\nimport re\n")
    executable(bin / "start.sh", "#!/bin/sh\npython3 app.py\n")
    return {"PATH": str(bin)}


def executable(file: Path, text: str) -> None:
    file.write_text(text)
    file.chmod(0o755)


KNOWN = [
    ("python3 app.py", "bin/python3"),
    ("python3.12 -u -m shop", "bin/python3.12"),
    ("python3 -c import_x -E", "bin/python3"),
    ("python3 -W ignore::X -X dev app.py -S", "bin/python3"),
    ("python3 -m shop -I", "bin/python3"),
    ("uvicorn shop:app -I", "bin/python3.12"),
    ("flask run", "bin/python3"),
    ("split", "bin/python3"),
    ("long", "a far away/bin/python"),
    ("env A=1 nohup python3 app.py", "bin/python3"),
    ("opentelemetry-instrument uvicorn shop:app", "bin/python3.12"),
]


@pytest.mark.parametrize(("command", "expected"), KNOWN, ids=[command for command, _ in KNOWN])
def test_it_is_told_by_the_command(environ: dict[str, str], command: str, expected: str) -> None:
    root = Path(environ["PATH"]).parent
    assert interpreter_of(command.split(), "nothing", environ) == Interpreter(str(root / expected), known=True)


@pytest.mark.parametrize("command", ["start.sh", "true", "missing"])
def test_otherwise_it_is_the_one_of_the_settings(environ: dict[str, str], command: str) -> None:
    assert interpreter_of([command], "python3.12", environ) == Interpreter(
        os.path.join(environ["PATH"], "python3.12"),  # noqa: PTH118
        known=False,
    )
    assert interpreter_of([command], "nothing", environ) is None


@pytest.mark.parametrize(
    ("command", "option"),
    [
        ("python3 -I app.py", "-I"),
        ("python3 -uS -m shop", "-S"),
        ("python3 -W ignore -E app.py", "-E"),
        ("isolated", "-I"),
    ],
)
def test_one_that_does_not_listen_is_refused(environ: dict[str, str], command: str, option: str) -> None:
    with pytest.raises(Deaf, match=f"option {option}"):
        interpreter_of(command.split(), "python3", environ)
