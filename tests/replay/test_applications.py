"""Applications of each kind are found as they stand, started, asked and judged."""

import os
import shutil
from pathlib import Path

import pytest

from flux_ls.replay.shapes import Replayed
from tests.e2e.cases import marked
from tests.e2e.launch import APPS
from tests.replay.projects import Project
from tests.telemetry import Raises, row, transaction

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("replay")]

HOST = {"host": "127.0.0.1"}


def bring(project: Project, name: str) -> Path:
    """One of the applications of the end-to-end tests, in the project's place."""
    shutil.rmtree(project.root)
    return Path(shutil.copytree(APPS / name, project.root))


def outcome(answer: Replayed) -> tuple[object, ...]:
    assert answer.outcome != "error", (answer.reason, answer.notes)
    return answer.outcome, answer.was, answer.now


def raised(project: Project, kind: str, message: str, *frames: tuple[str, str]) -> Raises:
    return Raises(kind, message, tuple((str(project.root / path), 1, function, "") for path, function in frames))


def test_flask_from_a_factory_in_a_src_layout(project: Project) -> None:
    project.write(
        "src/shop/__init__.py",
        """
        from flask import Flask

        def create_app(config=None):
            app = Flask(__name__)

            @app.get("/hello/<name>")
            def hello(name):
                from shop.words import greeting
                return {"said": greeting(name)}

            return app
        """.replace("\n        ", "\n"),
    )
    project.write("src/shop/words.py", 'def greeting(name):\n    return f"Hello, {name}"\n')
    id = project.add("GET", "/hello/ada", 500, raises=raised(project, "KeyError", "'ada'", ("src/shop/words.py", "f")))
    answer = project.one(id)
    assert outcome(answer) == ("passing", 500, 200)
    assert answer.diff is not None
    assert answer.diff.verdict == "FIXED"


def test_flask_answers_as_it_did(project: Project) -> None:
    bring(project, "flask_checkout")
    fine = project.add("GET", "/shipping/nl", 200, headers=HOST)
    broken = project.add("GET", "/reports/2026-02", 200, headers=HOST)
    first, second = project.replay(fine, broken).requests
    assert outcome(first) == ("passing", 200, 200)
    assert outcome(second) == ("failing", 200, 500)
    assert (second.reason or "").startswith("it did not fail before: ")


NAMED = """
import os
from flask import Flask

def create_app(name="nobody"):
    app = Flask(__name__)
    told = {"name": name, "rate": os.environ.get("RATE"), "kept": os.environ.get("KEPT")}

    @app.get("/told")
    def handler():
        return told

    return app
"""


@pytest.mark.parametrize("together", [False, True])
def test_flask_has_what_flask_run_reads(project: Project, together: bool) -> None:
    """`.flaskenv` and `.env`: the application, with arguments, and variables; what the shell has is not changed."""
    project.write("shop/web.py", NAMED)
    project.write("other.py", "from flask import Flask\n\napp = Flask(__name__)\n")
    project.write(".flaskenv", "FLASK_APP=\"shop.web:create_app('live')\"\nRATE=1\nKEPT=file\n")
    project.write(".env", "RATE=2\n")
    ids = [project.add("GET", "/told", answer={"name": "live", "rate": "2", "kept": "shell"}) for _ in range(2)]
    answers = project.replay(*ids[: 1 + together], environ={**os.environ, "KEPT": "shell"}).requests
    assert [(each.now, each.reason) for each in answers] == [(200, None)] * len(answers)
    assert "RATE" not in os.environ


def test_flask_that_is_told_to_read_nothing(project: Project) -> None:
    project.write("web.py", NAMED)
    project.write(".env", "RATE=2\n")
    id = project.add("GET", "/told", answer={"name": "nobody", "rate": None, "kept": None})
    answer = project.one(id, environ={**os.environ, "FLASK_SKIP_DOTENV": "1"})
    assert (answer.now, answer.reason) == (200, None)


def test_fastapi_has_no_such_files(project: Project) -> None:
    project.write(
        "main.py",
        'import os\nfrom fastapi import FastAPI\n\napp = FastAPI()\n\n\n@app.get("/told")\ndef told():\n'
        '    return {"rate": os.environ.get("RATE")}\n',
    )
    project.write(".env", "RATE=2\n")
    answer = project.one(project.add("GET", "/told", answer={"rate": None}))
    assert (answer.now, answer.reason) == (200, None)


@pytest.mark.parametrize(
    ("told", "reason"),
    [
        ("shop.nowhere", "shop.nowhere cannot be imported: ModuleNotFoundError: No module named 'shop.nowhere'"),
        ("shop.web:nothing", "FLASK_APP is shop.web:nothing: Failed to find attribute 'nothing' in 'shop.web'."),
    ],
)
def test_a_flask_app_that_is_not_there(project: Project, told: str, reason: str) -> None:
    project.write("shop/web.py", NAMED)
    answer = project.one(project.add("GET", "/told"), environ={**os.environ, "FLASK_APP": told})
    assert (answer.outcome, answer.reason) == ("error", reason)


def test_fastapi_with_its_lifespan(project: Project) -> None:
    project.write(
        "service/main.py",
        """
        from contextlib import asynccontextmanager
        from fastapi import FastAPI, Request
        from pydantic import BaseModel

        class Order(BaseModel):
            sku: str
            quantity: int

        @asynccontextmanager
        async def lifespan(app):
            app.state.stock = {"ham": 3}
            yield {"prices": {"ham": 5}}
            raise RuntimeError("what a shutdown does is no part of a request")

        app = FastAPI(lifespan=lifespan)

        @app.post("/orders")
        async def order(order: Order, request: Request, note: str = ""):
            left = request.app.state.stock[order.sku] - order.quantity
            return {"left": left, "price": request.state.prices[order.sku] * order.quantity, "note": note}
        """.replace("\n        ", "\n"),
    )
    sent = {"sku": "ham", "quantity": 2}
    good = project.add(
        "POST", "/orders", 200, body=sent, query={"note": "a b"}, answer={"left": 1, "price": 10, "note": "a b"}
    )
    other = project.add("POST", "/orders", 200, body=sent, answer={"left": 2, "price": 10, "note": ""})
    bad = project.add(
        "POST",
        "/orders",
        500,
        body={**sent, "sku": "egg"},
        raises=raised(project, "KeyError", "'egg'", ("service/main.py", "order")),
    )
    refused = project.add("POST", "/orders", 422, body={"sku": "ham"})
    answers = project.replay(good, other, bad, refused).requests
    assert [outcome(each) for each in answers] == [
        ("passing", 200, 200),
        ("passing", 200, 200),
        ("failing", 500, 500),
        ("passing", 422, 422),
    ]
    assert [each.reason for each in answers] == [
        None,
        "its answer differs in body.left",
        "KeyError: 'egg'",
        "its answer differs in body",
    ]
    assert answers[2].same_failure


def test_what_fails_after_the_answer_leaves_it_as_it_was(project: Project) -> None:
    project.write(
        "main.py",
        """
        from fastapi import BackgroundTasks, FastAPI

        app = FastAPI()

        def tell(to):
            raise LookupError(to)

        @app.post("/orders", status_code=201)
        async def order(to: str, later: BackgroundTasks):
            later.add_task(tell, to)
            return {"to": to}

        @app.get("/orders")
        async def orders():
            raise LookupError("orders")
        """.replace("\n        ", "\n"),
    )
    ids = [project.add("POST", "/orders", 201, query={"to": "ann"}), project.add("GET", "/orders", 200)]
    answers = project.replay(*ids).requests
    assert [outcome(each) for each in answers] == [("failing", 201, 201), ("failing", 200, 500)]
    assert [each.reason for each in answers] == [
        "it did not fail before: LookupError: ann",
        "it did not fail before: LookupError: orders",
    ]


def test_a_lifespan_that_fails_is_told_with_its_line(project: Project) -> None:
    project.write(
        "main.py",
        """
        from contextlib import asynccontextmanager
        from fastapi import FastAPI

        @asynccontextmanager
        async def lifespan(app):
            raise RuntimeError("no model to load")
            yield

        app = FastAPI(lifespan=lifespan)
        """.replace("\n        ", "\n"),
    )
    answer = project.one(project.add("GET", "/"))
    assert (answer.outcome, answer.reason) == (
        "error",
        "the application does not start: RuntimeError: no model to load at main.py:7",
    )


def test_fastapi_whose_package_is_the_root_s(project: Project) -> None:
    bring(project, "fastapi_native")
    where = marked("fastapi_native", "booking")
    id = project.add(
        "POST",
        "/rooms/blue/bookings",
        500,
        query={"hour": "9"},
        raises=raised(
            project,
            "app.calendars.DoubleBooking",
            "9:00 is taken",
            ("app/main.py", "book"),
            ("app/calendars.py", "book"),
        ),
    )
    answer = project.one(id)
    assert outcome(answer) == ("failing", 500, 500)
    assert answer.same_failure, answer.reason
    assert where.path.endswith("app/calendars.py")


def test_starlette(project: Project) -> None:
    bring(project, "starlette_tickets")
    good = project.add("POST", "/rows/1/seats/2", 200)
    bad = project.add(
        "POST",
        "/rows/1/seats/9",
        500,
        raises=raised(project, "IndexError", "list assignment index out of range", ("tickets/seats.py", "take")),
    )
    middleware = project.add("POST", "/rows/2/seats/2", 200, headers={"x-tenant": "circus"})
    answers = project.replay(good, bad, middleware).requests
    assert [outcome(each) for each in answers] == [("passing", 200, 200), ("failing", 500, 500), ("failing", 200, 500)]
    assert [each.error for each in answers][1:] == [
        "IndexError: list assignment index out of range",
        "UnknownTenant: no tenant 'circus'",
    ]


@pytest.fixture
def bookshop(project: Project, tmp_path: Path) -> dict[str, str]:
    """Django's application with its database; the environment it runs in."""
    import subprocess
    import sys

    bring(project, "django_bookshop")
    environ = {**os.environ, "DATABASE": str(tmp_path / "books.db")}
    subprocess.run(
        [sys.executable, "manage.py", "migrate", "--verbosity", "0"], cwd=project.root, env=environ, check=True
    )
    return environ


@pytest.mark.parametrize("interface", ["wsgi", "asgi"])
def test_django(project: Project, bookshop: dict[str, str], interface: str) -> None:
    app = ""
    if interface == "asgi":
        project.write(
            "bookshop/asgi.py",
            "import os\n\nfrom django.core.asgi import get_asgi_application\n\n"
            'os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bookshop.settings")\n'
            "application = get_asgi_application()\n",
        )
        app = "bookshop.asgi:application"
    database = Path(bookshop["DATABASE"]).read_bytes()
    copy = project.add(
        "POST",
        "/books/blank/copy/",
        500,
        headers=HOST,
        raises=raised(
            project,
            "django.db.utils.IntegrityError",
            "UNIQUE",
            ("catalog/views.py", "copy"),
            ("catalog/models.py", "duplicate"),
        ),
    )
    lost = project.add("GET", "/books/lost/", 404, headers=HOST)
    first, second = project.replay(copy, lost, environ=bookshop, app=app).requests
    assert outcome(first) == ("failing", 500, 500)
    assert first.same_failure, first.reason
    assert (first.error or "").startswith("IntegrityError: UNIQUE constraint failed")
    assert outcome(second) == ("passing", 404, 404)
    models = project.root / "catalog" / "models.py"
    models.write_text(models.read_text().replace("slug=self.slug", 'slug=f"{self.slug}-2"'))
    fixed = project.one(copy, environ=bookshop, app=app)
    assert outcome(fixed) == ("passing", 500, 201)
    assert fixed.diff is not None
    inserted = [(row.change, row.after.table, row.after.operation) for row in fixed.diff.rows if row.after is not None]
    assert inserted == [("added", "catalog_book", "insert")], "rows are told, as the recorder would"
    assert Path(bookshop["DATABASE"]).read_bytes() == database


def test_a_row_that_a_good_request_made_is_no_failure_of_the_code(project: Project) -> None:
    """What it left there is taken back; where that cannot be, it says so."""
    import sqlite3

    project.write(
        "web.py",
        """
        import sqlite3
        from flask import Flask, request

        app = Flask(__name__)

        @app.post("/users")
        def add():
            with sqlite3.connect("users.db") as connection:
                connection.execute("INSERT INTO users (email) VALUES (?)", [request.get_json()["email"]])
            return {}, 201
        """.replace("\n        ", "\n"),
    )
    with sqlite3.connect(project.root / "users.db") as connection:
        connection.execute("CREATE TABLE users (id INTEGER PRIMARY KEY, email TEXT UNIQUE)")
        connection.execute("INSERT INTO users (email) VALUES ('ada@example.org')")
    connection.close()
    made = transaction("committed", row("users", {"id": 1}, after={"id": 1, "email": "ada@example.org"}))
    id = project.add("POST", "/users", 201, body={"email": "ada@example.org"}, calls=[made])
    answer = project.one(id)
    assert outcome(answer) == ("passing", 201, 201)
    assert (answer.put_back, answer.not_put_back) == (1, ())
    with sqlite3.connect(project.root / "users.db") as connection:
        connection.execute("UPDATE users SET id = 5")
    connection.close()
    answer = project.one(id)
    assert outcome(answer) == ("skipped", 201, 500)
    assert (answer.reason or "").startswith("what it made in users is there already: IntegrityError: UNIQUE")
    assert answer.mend


def test_of_several_applications_the_one_whose_code_answered(project: Project) -> None:
    for name in ("orders", "users"):
        project.write(f"services/{name}/pyproject.toml", f"[project]\nname = '{name}'\n")
        project.write(f"services/{name}/{name}/__init__.py", "")
        project.write(f"services/{name}/{name}/data.py", f"WHO = '{name}'\n")
        project.write(
            f"services/{name}/{name}/web.py",
            f"from flask import Flask\nfrom {name}.data import WHO\n\napp = Flask(__name__)\n\n\n"
            '@app.get("/who")\ndef who():\n    return {"who": WHO}\n',
        )
    id = project.add(
        "GET", "/who", 500, raises=raised(project, "KeyError", "'x'", ("services/users/users/web.py", "who"))
    )
    assert outcome(project.one(id)) == ("passing", 500, 200)
    nobody = project.one(project.add("GET", "/who"))
    assert nobody.outcome == "error"
    assert (nobody.reason or "").startswith("several applications were found (orders.web:app, users.web:app)")


def test_without_the_recorder_status_and_exception_are_compared(project: Project, tmp_path: Path) -> None:
    """An environment that has the application's packages, and nothing that recording needs."""
    import sys

    hidden = tmp_path / "hidden"
    for name in ("wrapt", "msgspec"):
        (hidden / name).mkdir(parents=True)
        (hidden / name / "__init__.py").write_text("raise ImportError('not here')\n")
    bring(project, "flask_checkout")
    environ = {**os.environ, "PYTHONPATH": str(hidden)}
    bad = project.add("GET", "/reports/2026-02", 500, headers=HOST)
    first = project.one(bad, environ=environ, python=sys.executable)
    assert first.outcome == "failing"
    assert any("not recorded" in note for note in first.notes)
    assert first.error is not None
    assert not first.error.startswith("answered"), "the framework told the exception"
