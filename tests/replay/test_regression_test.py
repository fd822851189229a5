"""Generated regression tests, run by a real pytest: they fail on the broken code and pass on the fix."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from flux_ls.replay.literals import lines
from flux_ls.replay.new_test import NewTest, folder_of_tests, new_test
from flux_ls.replay.regression.answering import OUTBOUND
from flux_ls.replay.regression.file import NotWritable
from flux_ls.replay.shapes import Recording
from tests.replay.projects import Project, call
from tests.telemetry import Raises

BIN = Path(sys.executable).parent
PLAIN = "PYTEST_DISABLE_PLUGIN_AUTOLOAD"
RATES = "https://rates.example/v1/EUR"
USER_AGENTS = {
    "requests": "python-requests/2.32.3",
    "httpx": "python-httpx/0.28.1",
    "aiohttp": "Python/3.11 aiohttp/3.13",
    "urllib3": "python-urllib3/2.6",
    "urllib": "Python-urllib/3.11",
}
ASKS = {
    "requests": 'requests.post("https://rates.example/v1/EUR", json=order, timeout=5).json()["rate"]',
    "httpx": 'httpx.post("https://rates.example/v1/EUR", json=order).json()["rate"]',
    "urllib3": 'urllib3.request("POST", "https://rates.example/v1/EUR", json=order).json()["rate"]',
    "urllib": 'json.load(urllib.request.urlopen(Request("https://rates.example/v1/EUR", b"{}")))["rate"]',
}
IMPORTS = {"urllib": "import json\nimport urllib.request\nfrom urllib.request import Request"}
FLASK = """\
import flask
{imports}

app = flask.Flask(__name__)


@app.post("/orders/<name>")
def orders(name):
    order = flask.request.get_json()
    rate = {asks}
    return {{"name": name, "total": {total}}}, 201
"""
FASTAPI = """\
from contextlib import asynccontextmanager

import fastapi
{imports}


@asynccontextmanager
async def lifespan(app):
    app.state.ready = True
    yield


def create_app():
    app = fastapi.FastAPI(lifespan=lifespan)

    @app.post("/orders/{{name}}", status_code=201)
    async def orders(name: str, order: dict, request: fastapi.Request):
        assert request.app.state.ready
        rate = {asks}
        return {{"name": name, "total": {total}}}

    return app
"""
ASKS_ASYNC = {
    "httpx": '(await httpx.AsyncClient().post("https://rates.example/v1/EUR", json=order)).json()["rate"]',
    "aiohttp": "await asked(order)",
}
IMPORTS_ASYNC = {
    "aiohttp": """\
import aiohttp


async def asked(order):
    async with aiohttp.ClientSession() as session:
        async with session.post("https://rates.example/v1/EUR", json=order) as answer:
            return (await answer.json())["rate"]
"""
}
BROKEN, FIXED = 'order["cents"] * rate', 'order["cents"] * (rate or 1)'
NASTY = ['"""', "'''", "\\", "\n", "\u202e", "é🙂", "{x}", "\x00", '"); import os; os._exit(7)  #', "\ud7ff"]


def raised(project: Project) -> Raises:
    return Raises("TypeError", "unsupported operand", ((f"{project.root}/shop/web.py", 12, "orders", "return"),))


def failed_order(project: Project, library: str, *, answer: object = None, body: object = None, **how: object) -> str:
    """`POST /orders/…` that died of what another service answered."""
    asked = call(
        "POST",
        RATES,
        body={"cents": 5},
        headers={"user-agent": USER_AGENTS[library]},
        answer={"rate": None} if answer is None else answer,
    )
    told = {"cents": 5} if body is None else body
    return project.add("POST", "/orders/an é🙂", 500, body=told, raises=raised(project), calls=[asked], **how)


def made(project: Project, id: str) -> NewTest:
    recording = project.recording(id)
    assert isinstance(recording, Recording), recording
    test = new_test(recording, project.conditions())
    project.write(test.path, test.text)
    return test


def outcome(project: Project, *words: str, plugins: bool = False, **given: str) -> tuple[int, str]:
    """What a plain pytest says in the project, which has no Flux in reach of its test.

    With `plugins` it has all that are installed here, which take longer to import than the test runs.
    """
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "FLUX_", "OTEL_"))}
    blocked = project.write("conftest.py", "import sys\nsys.modules['flux_ls'] = None\n")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *words],
        cwd=blocked.parent,
        env=environ | {"PYTHONDONTWRITEBYTECODE": "1"} | ({} if plugins else {PLAIN: "1"}) | given,
        capture_output=True,
        text=True,
        timeout=50,
    )
    return done.returncode, done.stdout + done.stderr


def check_form(test: NewTest, project: Project) -> None:
    """Formatted, without an unused import, and nothing of this machine in it."""
    assert "flux_ls" not in test.text
    assert str(project.root) not in test.text
    assert "/tmp" not in test.text
    for words in (("format", "--check", "--diff"), ("check", "--select", "E9,F,I", "--no-cache")):
        done = subprocess.run(
            [BIN / "ruff", *words, "--isolated", "--stdin-filename", "tests/test_it.py", "-"],
            input=test.text,
            capture_output=True,
            text=True,
            timeout=20,
        )
        assert done.returncode == 0, done.stdout + done.stderr + test.text


def check_both(project: Project, id: str, source: str, *, plugins: bool = False) -> NewTest:
    """It fails on the broken code for the reason that was recorded, and passes on the fix."""
    module = project.write("shop/web.py", source.replace("TOTAL", BROKEN))
    test = made(project, id)
    check_form(test, project)
    code, said = outcome(project, test.path, plugins=plugins)
    assert code == 1, said
    assert "TypeError" in said, said
    assert "1 failed" in said, said
    module.write_text(source.replace("TOTAL", FIXED))
    code, said = outcome(project, test.path, plugins=plugins)
    assert code == 0, said
    assert "1 passed" in said, said
    return test


@pytest.mark.slow
@pytest.mark.parametrize("library", list(ASKS))
def test_flask(project: Project, library: str) -> None:
    source = FLASK.format(imports=IMPORTS.get(library, f"import {library}"), asks=ASKS[library], total="TOTAL")
    test = check_both(project, failed_order(project, library), source)
    assert f"def answer_{library}(" in test.text
    assert "send_asgi" not in test.text


@pytest.mark.slow
@pytest.mark.parametrize("library", list(ASKS_ASYNC))
def test_fastapi_from_a_factory(project: Project, library: str) -> None:
    source = FASTAPI.format(
        imports=IMPORTS_ASYNC.get(library, f"import {library}"), asks=ASKS_ASYNC[library], total="TOTAL"
    )
    test = check_both(project, failed_order(project, library), source, plugins=True)
    assert "module.create_app()" in test.text
    assert "send_wsgi" not in test.text


SQLITE = """
import sqlite3
import flask
import sqlalchemy

app = flask.Flask(__name__)
engine = sqlalchemy.create_engine("sqlite:///till.db")


@app.post("/sales")
def sales():
    with sqlite3.connect("till.db") as connection:
        connection.execute("INSERT INTO sales VALUES (1)")
    with engine.begin() as other:
        other.execute(sqlalchemy.text("INSERT INTO sales VALUES (2)"))
        [count] = other.execute(sqlalchemy.text("SELECT count(*) FROM sales")).one()
    return {"n": TOTAL}, 201
"""


@pytest.mark.slow
def test_a_database_of_sqlite_s_stays_as_it_is(project: Project) -> None:
    import sqlite3

    module = project.write("shop/web.py", SQLITE.replace("TOTAL", "count // 0"))
    database = project.root / "till.db"
    with sqlite3.connect(database) as connection:
        connection.execute("CREATE TABLE sales (cents INTEGER)")
    connection.close()
    before = database.read_bytes()
    test = made(project, project.add("POST", "/sales", 500, raises=raised(project)))
    check_form(test, project)
    assert "Its database is a copy of the one" in test.text
    code, said = outcome(project, test.path)
    assert (code, "ZeroDivisionError" in said) == (1, True), said
    module.write_text(SQLITE.replace("TOTAL", "count"))
    code, said = outcome(project, test.path)
    assert (code, "1 passed" in said) == (0, True), said
    assert database.read_bytes() == before


@pytest.mark.slow
@pytest.mark.parametrize("wsgi", [True, False])
def test_django(project: Project, tmp_path: Path, wsgi: bool) -> None:
    """In a database of its own, as migrations leave it; the application is the project's, or Django's own."""
    import shutil
    import sqlite3

    from tests.e2e.launch import APPS

    shutil.rmtree(project.root)
    shutil.copytree(APPS / "django_bookshop", project.root)
    database = tmp_path / "books.db"
    environ = {"DATABASE": str(database)}
    done = subprocess.run([sys.executable, "manage.py", "migrate"], cwd=project.root, env=os.environ | environ)
    assert done.returncode == 0
    if wsgi:
        project.write(
            "bookshop/wsgi.py",
            "import os\n\nfrom django.core.wsgi import get_wsgi_application\n\n"
            'os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bookshop.settings")\n'
            "application = get_wsgi_application()\n",
        )
    frames = tuple(
        (f"{project.root}/catalog/{file}", 1, function, "")
        for file, function in (("views.py", "copy"), ("models.py", "duplicate"))
    )
    raises = Raises("django.db.utils.IntegrityError", "UNIQUE constraint failed: catalog_book.slug", frames)
    # As in development: any name of this machine is the service's.
    settings_file = project.root / "bookshop" / "settings.py"
    told = (
        settings_file.read_text().replace('["127.0.0.1", "localhost"]', "[]").replace("DEBUG = False", "DEBUG = True")
    )
    settings_file.write_text(told)
    id = project.add("POST", "/books/blank/copy/", 500, headers={"host": "localhost:8000"}, raises=raises)
    before = database.read_bytes()
    test = made(project, id)
    check_form(test, project)
    assert 'os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bookshop.settings")' in test.text
    assert ('importlib.import_module("bookshop.wsgi")' in test.text) is wsgi
    code, said = outcome(project, test.path, **environ)
    assert (code, "1 failed" in said, "IntegrityError" in said) == (1, True, True), said
    models = project.root / "catalog" / "models.py"
    models.write_text(models.read_text().replace("slug=self.slug", 'slug=f"{self.slug}-2"'))
    code, said = outcome(project, test.path, test.path, **environ)
    assert (code, "1 passed" in said) == (0, True), said
    assert database.read_bytes() == before
    with sqlite3.connect(database) as connection:
        assert connection.execute("SELECT count(*) FROM catalog_book").fetchone() == (1,)
    connection.close()


@pytest.mark.parametrize(
    "files",
    [
        {"pyproject.toml": '[tool.pytest.ini_options]\nDJANGO_SETTINGS_MODULE = "shop.settings"\n'},
        {"pytest.ini": "[pytest]\nDJANGO_SETTINGS_MODULE = shop.settings\n"},
        {"requirements-dev.txt": "pytest-django==4.9\n"},
    ],
)
def test_with_pytest_django_the_database_is_its_own(project: Project, files: dict[str, str]) -> None:
    project.write("manage.py", 'import os\nos.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")\n')
    for name, text in files.items():
        project.write(name, text)
    test = made(project, project.add("GET", "/a", 500))
    check_form(test, project)
    assert "def application(monkeypatch, db):" in test.text
    assert "setup_databases" not in test.text


@pytest.mark.slow
@pytest.mark.parametrize(
    ("told", "called"),
    [("shop.web:create_app('live')", 'module.create_app("live")'), ("shop.web:create_app", "module.create_app()")],
)
def test_flask_as_its_environment_names_it(project: Project, told: str, called: str) -> None:
    project.write(".flaskenv", f'FLASK_APP="{told}"\n')
    project.write("other.py", "import flask\napp = flask.Flask(__name__)\n")
    project.write(
        "shop/web.py",
        "import flask\n\ndef create_app(name='live'):\n    app = flask.Flask(__name__)\n"
        "    app.get('/a')(lambda: {'name': name, 'n': len(name)})\n    return app\n",
    )
    test = made(project, project.add("GET", "/a", 200))
    check_form(test, project)
    assert called in test.text
    code, said = outcome(project, test.path)
    assert (code, "1 passed" in said) == (0, True), said


@pytest.mark.slow
def test_what_was_redacted_is_filled_in(project: Project) -> None:
    project.write(
        "shop/web.py",
        "import flask\napp = flask.Flask(__name__)\n\n"
        "@app.post('/login')\ndef login():\n"
        "    if flask.request.headers.get('authorization') != 'Bearer t':\n        return {}, 401\n"
        "    return {'n': len(flask.request.json['password']) // 0}\n",
    )
    told = {"user": "ada", "password": "[redacted]"}
    headers = {"authorization": "[redacted]"}
    id = project.add("POST", "/login", 500, body=told, headers=headers, raises=raised(project))
    test = made(project, id)
    check_form(test, project)
    docstring = test.text.partition('"""')[2].partition('"""')[0]
    assert "Fill in" in docstring
    assert "- authorization: the header authorization" in docstring
    assert "- password: the field password" in docstring
    assert '"password": password,' in test.text
    code, said = outcome(project, "-rs", test.path)
    assert (code, "1 skipped" in said) == (0, True), said
    assert "fill in what was redacted" in said
    given = test.text.replace("    return None\n", '    return "Bearer t"\n')
    project.write(test.path, given)
    code, said = outcome(project, test.path)
    assert (code, "ZeroDivisionError" in said) == (1, True), said


@pytest.mark.slow
def test_recorded_text_does_nothing(project: Project) -> None:
    """Whatever a request holds, its test is well-formed, fails for the recorded reason, and runs nothing of it."""
    nasty = "".join(NASTY)
    source = FLASK.format(imports="import requests", asks=ASKS["requests"], total="TOTAL")
    body = {"cents": 5, **{each: each for each in NASTY}}
    query = {'a"\n"""': nasty}
    headers = {"x-note": "\"'\\ é", "user-agent": '"""'}
    id = failed_order(project, "requests", body=body, query=query, headers=headers, answer={"rate": None, "t": nasty})
    check_both(project, id, source)


@pytest.mark.parametrize(
    ("recorded", "asked", "expected"),
    [
        ("https://rates.example/v1?a=1&b=2", "https://rates.example/v1?b=2&a=1", True),
        ("https://rates.example", "https://rates.example/", True),
        ("https://rates.example/v1?key=[redacted]", "https://rates.example/v1?key=abc", True),
        ("https://rates.example/[redacted]/v1?mark=a-[redacted]", "https://rates.example/abc/v1?mark=a-b", True),
        ("https://ada:[redacted]@rates.example/v1", "https://ada:abc@rates.example/v1", True),
        ("https://rates.example/[redacted]/v1", "https://rates.example/abc/v2", False),
        ("https://rates.example/v1?mark=a-[redacted]", "https://rates.example/v1?mark=b-c", False),
        ("https://rates.example/v1", "https://other.example/v1", False),
    ],
)
def test_a_generated_test_knows_an_address_by_what_was_not_redacted(recorded: str, asked: str, expected: bool) -> None:
    made: dict[str, Any] = {}
    exec("\n".join([*OUTBOUND.imports, OUTBOUND.source]), made)
    assert made["same"](recorded, asked) is expected


@pytest.mark.slow
def test_a_call_that_was_not_recorded_says_what_to_add(project: Project) -> None:
    source = FLASK.format(imports="import requests", asks=ASKS["requests"], total=FIXED)
    project.write("shop/web.py", source.replace("v1/EUR", "v2/EUR"))
    test = made(project, failed_order(project, "requests"))
    code, said = outcome(project, test.path)
    assert code == 1
    assert "POST https://rates.example/v2/EUR was not recorded: add its answer to CALLS" in said, said


@pytest.mark.slow
def test_a_call_that_failed_fails_again(project: Project) -> None:
    source = FLASK.format(imports="import requests", asks=ASKS["requests"], total="TOTAL")
    broken = project.write("shop/web.py", source.replace("TOTAL", "order['cents'] * rate"))
    timeout = Raises("requests.exceptions.ReadTimeout", "read timed out", ())
    asked = call("POST", RATES, status=None, raises=timeout, headers={"user-agent": USER_AGENTS["requests"]})
    id = project.add("POST", "/orders/a", 500, body={"cents": 5}, raises=raised(project), calls=[asked])
    test = made(project, id)
    check_form(test, project)
    code, said = outcome(project, test.path)
    assert (code, "ReadTimeout" in said) == (1, True), said
    caught = "_rate()\n    return"
    broken.write_text(
        source.replace("TOTAL", "rate").replace(ASKS["requests"] + "\n    return", caught)
        + "\n\ndef _rate():\n    order = {}\n    try:\n        return "
        + ASKS["requests"]
        + "\n    except requests.exceptions.ReadTimeout:\n        return 1\n"
    )
    code, said = outcome(project, test.path)
    assert (code, "1 passed" in said) == (0, True), said


@pytest.mark.slow
def test_a_good_request_keeps_its_status(project: Project) -> None:
    project.write("shop/web.py", "import flask\napp = flask.Flask(__name__)\napp.get('/a')(lambda: ('', 204))\n")
    test = made(project, project.add("GET", "/a", 204))
    check_form(test, project)
    assert "assert status == 204" in test.text
    assert outcome(project, test.path)[0] == 0
    project.write("shop/web.py", "import flask\napp = flask.Flask(__name__)\napp.get('/a')(lambda: '')\n")
    assert outcome(project, test.path)[0] == 1


PYPROJECT = "[project]\nname = 'shop'\n"


@pytest.mark.parametrize(
    ("files", "folders", "expected"),
    [
        ({}, (), ("tests", "test_*.py")),
        ({}, ("test",), ("test", "test_*.py")),
        (
            {"pyproject.toml": '[tool.pytest.ini_options]\ntestpaths = ["qa", "t"]\n'},
            ("t", "tests"),
            ("t", "test_*.py"),
        ),
        ({"pyproject.toml": '[tool.pytest]\ntestpaths = ["t"]\n'}, ("t",), ("t", "test_*.py")),
        ({"pytest.ini": "[pytest]\ntestpaths = a b\npython_files = *_spec.py\n"}, ("b",), ("b", "*_spec.py")),
        ({"setup.cfg": "[tool:pytest]\ntestpaths = src/tests\n"}, ("src/tests",), ("src/tests", "test_*.py")),
        ({"tox.ini": "[pytest]\ntestpaths =\n    one\n    two\n"}, ("two",), ("two", "test_*.py")),
        ({"pytest.ini": "[pytest]\ntestpaths = ../other /etc ..\n"}, (), ("tests", "test_*.py")),
        ({"pytest.ini": "[pytest]\npython_files = ../../*.py\n"}, (), ("tests", "test_*.py")),
        ({"pytest.ini": "no section\n%("}, (), ("tests", "test_*.py")),
        ({"pyproject.toml": "[tool\n"}, (), ("tests", "test_*.py")),
    ],
)
def test_the_tests_folder(
    tmp_path: Path, files: dict[str, str], folders: tuple[str, ...], expected: tuple[str, str]
) -> None:
    root = tmp_path / "project"
    for folder in folders:
        (root / folder).mkdir(parents=True)
    root.mkdir(exist_ok=True)
    for name, text in files.items():
        (root / name).write_text(text)
    folder, pattern = folder_of_tests(root.resolve())
    assert (str(folder), pattern) == expected


def test_a_link_out_of_the_project_is_no_tests_folder(tmp_path: Path) -> None:
    (tmp_path / "project").mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "project" / "tests").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "project" / "test").mkdir()
    assert str(folder_of_tests((tmp_path / "project").resolve())[0]) == "test"


def test_nothing_is_written_through_a_link_out_of_the_project(tmp_path: Path) -> None:
    project = Project(tmp_path)
    project.write("app.py", "from flask import Flask\n\napp = Flask(__name__)\n")
    (tmp_path / "elsewhere").mkdir()
    (project.root / "tests").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(NotWritable, match="tests leads out of"):
        made(project, project.add("GET", "/"))


def test_an_earlier_test_stays(project: Project) -> None:
    project.write("web.py", "import flask\napp = flask.Flask(__name__)\n")
    id = project.add("GET", "/a", 500)
    first, second = made(project, id), made(project, id)
    assert first.path == f"tests/test_get_a_{id[:8]}.py"
    assert second.path == f"tests/test_get_a_{id[:8]}_2.py"


@pytest.mark.parametrize("app", ["shop.web:app; import os", "a b:app", "shop:class", ":app"])
def test_no_source_out_of_a_setting(project: Project, app: str) -> None:
    recording = project.recording(project.add("GET", "/a", 500))
    assert isinstance(recording, Recording)
    with pytest.raises(NotWritable):
        new_test(recording, project.conditions(app=app))


def test_without_an_application_it_says_how_to_name_it(project: Project) -> None:
    recording = project.recording(project.add("GET", "/a", 500))
    assert isinstance(recording, Recording)
    with pytest.raises(NotWritable, match="name it, as in app ="):
        new_test(recording, project.conditions())


trees = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.tuples(inner, inner) | st.tuples(inner),
    max_leaves=8,
)


@given(trees)
@example("".join(NASTY))
@example({'"""': ["'", '"', "\r\n\x85\u2028", b"\x00\xff'\""]})
@settings(suppress_health_check=[HealthCheck.too_slow])
def test_a_literal_is_the_value(tree: object) -> None:
    scope: dict[str, object] = {}
    source = "\n".join(lines(tree, "value = ", "", 0))
    assert len(source.split("\n")) == len(source.splitlines()), "no line end hides in it"
    exec(source, scope)  # what stands in the file is run by pytest
    assert repr(scope["value"]) == repr(tree) or json.dumps(scope["value"], sort_keys=True) == json.dumps(tree)
