"""Which files hold the user's own code."""

import json
import sysconfig
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import flask
import pytest

from flux_ls.record import in_app, settings


@pytest.fixture(autouse=True)
def _settings() -> Iterator[None]:
    before = settings.in_force()
    yield
    settings.put_in_force(before)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/srv/app/shop/orders.py", True),
        ("shop/orders.py", True),
        ("orders.py", True),
        ("C:\\work\\shop\\orders.py", True),
        ("/srv/app/lib/orders.py", True),
        ("/srv/app/bin/run.py", True),
        (__file__, True),
        ("", False),
        ("<string>", False),
        ("<frozen importlib._bootstrap>", False),
        (flask.__file__, False),
        (json.__file__, False),
        (str(Path(sysconfig.get_path("stdlib")) / "asyncio" / "tasks.py"), False),
        ("/srv/app/.venv/lib/python3.11/site-packages/flask/app.py", False),
        ("/usr/lib/python3/dist-packages/yaml/__init__.py", False),
        ("/usr/lib64/python3.12/json/decoder.py", False),
        ("C:\\Python311\\Lib\\site-packages\\flask\\app.py", False),
        ("/srv/app/.venv/bin/gunicorn", False),
        (in_app.__file__, False),
    ],
)
def test_by_itself(path: str, expected: bool) -> None:
    assert in_app.is_in_app(path) is expected


@pytest.mark.parametrize(
    ("include", "exclude", "path", "expected"),
    [
        ("flask", "", "/v/site-packages/flask/app.py", True),
        ("flask.app", "", "/v/site-packages/flask/app.py", True),
        ("flask.app", "", "/v/site-packages/flask/cli.py", False),
        ("flask", "", "/v/site-packages/flask_login/app.py", False),
        ("/v/site-packages/flask", "", "/v/site-packages/flask/app.py", True),
        ("", "shop", "/srv/shop/orders.py", False),
        ("", "shop.models", "/srv/shop/models/user.py", False),
        ("", "shop.models", "/srv/shop/orders.py", True),
        ("", "src/generated", "/srv/src/generated/api.py", False),
        ("", "/srv/shop", "/srv/shopping/api.py", True),
        ("shop.orders", "shop", "/srv/shop/orders.py", True),
        ("<template>", "", "<template>", True),
    ],
)
def test_as_the_user_says(include: str, exclude: str, path: str, expected: bool) -> None:
    rules = replace(settings.in_force(), in_app_include=tuple(include.split()), in_app_exclude=tuple(exclude.split()))
    settings.put_in_force(rules)
    assert in_app.is_in_app(path) is expected
    assert in_app.is_in_app(path) is expected, "and so it says again, from its cache"


@pytest.mark.parametrize("path", ["/srv/shop/orders.py", "/v/site-packages/flask/app.py", "<string>", json.__file__])
def test_the_collector_agrees(path: str) -> None:
    from flux_ls.otlp.stacktrace.in_app import DEFAULT_RULE

    assert in_app.is_in_app(path) is DEFAULT_RULE.matches(path, "f", "python")
