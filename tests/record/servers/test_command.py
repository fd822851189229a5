"""What a program is called, and whether it serves."""

import pytest

from flux_ls.record.servers.command import command_of

PYTHON = "/srv/venv/bin/python3"


@pytest.mark.parametrize(
    ("argv", "text"),
    [
        (["app.py", "--day", "monday"], "python3 app.py --day monday"),
        (["-X", "dev", "-u", "jobs/app.py"], "python3 jobs/app.py"),
        (["-m", "nightly", "2026"], "python3 -m nightly 2026"),
        (["-mnightly"], "python3 -m nightly"),
        (["-c", "print(1)", "x"], "python3 -c print(1) x"),
        (["/srv/venv/bin/alembic", "upgrade", "head"], "alembic upgrade head"),
        (["manage.py", "migrate"], "python3 manage.py migrate"),
        (["app.py", "--password", "hunter2", "-v"], "python3 app.py --password [redacted] -v"),
        (["app.py", "--api-key=sk_live_0123456789"], "python3 app.py --api-key=[redacted]"),
        (["app.py", "postgresql://ada:hunter2@db/shop"], "python3 app.py postgresql://ada:[redacted]@db/shop"),
    ],
)
def test_what_it_is_called(argv: list[str], text: str) -> None:
    command = command_of([PYTHON, *argv])
    assert command is not None
    assert command.text == text


@pytest.mark.parametrize(
    ("argv", "serves"),
    [
        (["/bin/uvicorn", "shop:app"], True),
        (["/bin/gunicorn", "-w", "4", "shop:app"], True),
        (["-m", "gunicorn", "shop:app"], True),
        (["/bin/flask", "--app", "shop", "run"], True),
        (["/bin/flask", "db", "upgrade"], False),
        (["-m", "flask", "run"], True),
        (["/bin/celery", "-A", "shop", "worker"], True),
        (["/bin/celery", "-A", "shop", "call", "add"], False),
        (["manage.py", "runserver", "8000"], True),
        (["manage.py", "migrate"], False),
        (["app.py"], False),
    ],
)
def test_whether_it_serves(argv: list[str], serves: bool) -> None:
    command = command_of([PYTHON, *argv])
    assert command is not None
    assert command.serves is serves


@pytest.mark.parametrize(
    "argv",
    [
        [],
        ["-i"],
        ["-"],
        ["-c", "from multiprocessing.spawn import spawn_main; spawn_main(5)", "--multiprocessing-fork"],
        ["-c", "from multiprocessing.resource_tracker import main;main(5)"],
        ["-u", "-c", "import sys;exec(eval(sys.stdin.readline()))"],
        ["/srv/venv/bin/pytest", "-x"],
        ["-m", "pytest"],
        ["-m", "unittest", "discover"],
        ["manage.py", "test", "shop"],
        ["-m", "django", "test"],
    ],
)
def test_what_is_no_program(argv: list[str]) -> None:
    assert command_of([PYTHON, *argv]) is None
