"""The service's name, after the program that runs."""

from pathlib import Path

import pytest

from flux_ls.record.service import name_of

FOLDER = Path("/work/shop")
NAMES = [
    ("app.py", "shop"),
    ("gateway/main.py", "gateway"),
    ("src/app.py", "shop"),
    ("nightly_import.py", "nightly_import"),
    ("/srv/pricing/app.py 8000", "pricing"),
    ("-X dev -u app.py", "shop"),
    ("-m nightly", "nightly"),
    ("-m nightly.jobs --all", "nightly"),
    ("-m app.main", "shop"),
    ("manage.py runserver", "shop"),
    ("-c print(1)", "shop"),
    ("", "shop"),
    ("/venv/bin/uvicorn till.main:app --reload", "till"),
    ("/venv/bin/uvicorn --host 0.0.0.0:80 main:app", "shop"),
    ("-m uvicorn till.main:app", "till"),
    ("/venv/bin/gunicorn -w 4 -b 127.0.0.1:8000 bookshop.wsgi:application", "bookshop"),
    ("/venv/bin/gunicorn app:create_app()", "shop"),
    ("/venv/bin/flask --app till run", "till"),
    ("/venv/bin/flask run", "shop"),
    ("-m flask --app=web run", "shop"),
    ("/venv/bin/celery -A mailing worker", "mailing"),
    ("/venv/bin/pytest -x", "shop"),
    ("-m pytest -x", "shop"),
    ("/venv/bin/shopctl sync", "shopctl"),
]


@pytest.mark.parametrize(("command", "expected"), NAMES, ids=[command for command, _ in NAMES])
def test_the_name_of_a_program(command: str, expected: str) -> None:
    assert name_of(command.split(), FOLDER) == expected
