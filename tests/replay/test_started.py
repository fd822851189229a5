"""The application that a recorded start command names: among the project's own files, or none."""

from pathlib import Path

import pytest

from flux_ls.replay.child.own_files import OwnFiles
from flux_ls.replay.child.started import Start, application_of, settings_of
from flux_ls.replay.start import start_of
from tests.recorded import Recorded
from tests.replay.projects import Project
from tests.telemetry import http

MADE = "from flask import Flask\n\n\ndef assemble(name='nobody'):\n    return Flask(name)\n"
FILES = {
    "shop/__init__.py": "from flask import Flask\n\n\ndef create_app(stage='dev', *, n=1):\n    return Flask(stage)\n",
    "shop/main.py": "import fastapi\n\napp = fastapi.FastAPI()\n\n\ndef build():\n    return fastapi.FastAPI()\n\n\n"
    "def wipe():\n    pass\n\n\ndef serve(scope, receive, send):\n    pass\n",
    "shop/made.py": MADE,
    "shop/again.py": "from shop.made import assemble as put_together\nfrom shop.main import wipe\n",
    "shop/wsgi.py": "from django.core.wsgi import get_wsgi_application\napplication = get_wsgi_application()\n",
    "shop/__main__.py": "from .made import assemble\n\n\ndef main():\n    app = assemble('shop')\n    app.run()\n\n\n"
    "if __name__ == '__main__':\n    main()\n",
    "shop/settings/prod.py": "",
    "wsgi.py": "from shop import create_app\n\napplication = app = create_app()\n",
    "run.py": "import uvicorn\n\nif __name__ == '__main__':\n    uvicorn.run('shop.main:build', factory=True)\n",
    "local.py": "from flask import Flask\n\n\ndef put_up():\n    return Flask('x')\n\n\nif __name__ == '__main__':\n"
    "    put_up().run()\n",
    "pyproject.toml": "[project]\nname = 'shop'\n\n[project.scripts]\nshop-web = 'shop.cli:main'\nevil = 'os:abort'\n"
    "wrong = 7\n",
    "shop/cli.py": "from werkzeug.serving import run_simple\n\nfrom shop import made\n\n\ndef main():\n"
    "    run_simple('localhost', 80, made.assemble())\n",
    "looped.py": "import asyncio\n\nimport uvicorn\n\nfrom shop import create_app\n\n\nasync def main():\n"
    "    app = create_app('loop')\n    await uvicorn.Server(uvicorn.Config(app)).serve()\n\n\nasyncio.run(main())\n",
    "kept.py": "from shop import create_app\n\n\ndef main():\n    create_app().run()\n\n\nmain()\n",
    "plain.py": "import sys\nsys.stdout.write('no application')\n",
    "served.py": "from waitress import serve\nimport shop.made\n\nserve(shop.made.assemble('x'), port=1)\n",
    "varying.py": "from shop.made import assemble\nimport sys\n\nassemble(sys.argv[1]).run()\n",
    "backend/inner/deep.py": "from flask import Flask\napp = Flask('deep')\n",
    "backend/twice.py": "from flask import Flask\napp = Flask('one')\n",
    "other/twice.py": "from flask import Flask\napp = Flask('two')\n",
    "node_modules/evil.py": "app = 1\n",
    ".venv/lib/site-packages/evil.py": "app = 1\n",
    "tools/environment/pyvenv.cfg": "",
    "tools/environment/evil.py": "app = 1\n",
    "torn.py": "app = (\n",
}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    around = tmp_path_factory.mktemp("around")
    for name, text in FILES.items():
        (around / "project" / name).parent.mkdir(parents=True, exist_ok=True)
        (around / "project" / name).write_text(text)
    (around / "outside.py").write_text("app = 1\n")
    (around / "project" / "link.py").symlink_to(around / "outside.py")
    return around / "project"


def target(root: Path, command: str | list[str], **how: str) -> str | None:
    words = command.split() if isinstance(command, str) else command
    found = application_of(str(root), Start(tuple(words), **how))
    if found is None:
        return None
    assert Path(found.own).is_relative_to(root)
    marks = "*" * found.is_factory + " (flask)" * found.by_flask
    folder = Path(found.folder).relative_to(root).as_posix()
    return f"{found.target}{marks}" + ("" if folder == "." else f" in {folder}")


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("flask --app shop:create_app run", "shop:create_app (flask)"),
        ("flask -A shop run --port 80", "shop (flask)"),
        ("python -m flask --app=shop.made:assemble run", "shop.made:assemble (flask)"),
        (["flask", "--app", "shop:create_app('prod', n=2)", "run"], "shop:create_app('prod', n=2) (flask)"),
        ("flask --app shop/made.py run", "shop.made (flask)"),
        ("uvicorn shop.main:build --factory --port 8000", "shop.main:build*"),
        ("uvicorn --host 0.0.0.0 shop.main:app", "shop.main:app"),
        ("uvicorn shop.main:serve", "shop.main:serve"),
        ("/srv/venv/bin/uvicorn shop.main:app", "shop.main:app"),
        ("/srv/venv/lib/python3/site-packages/uvicorn/__main__.py shop.main:app", "shop.main:app"),
        ("python3.12 -X dev -m uvicorn shop.main:app", "shop.main:app"),
        ("uvicorn --app-dir backend inner.deep:app", "inner.deep:app in backend"),
        (["gunicorn", "-w", "4", "-b", "127.0.0.1:8000", "shop:create_app()"], "shop:create_app()"),
        (["gunicorn", "shop:create_app('prod')", "--bind", "unix:/tmp/a.sock"], "shop:create_app('prod')"),
        ("gunicorn -c gunicorn.conf.py -k uvicorn.workers.UvicornWorker shop.wsgi", "shop.wsgi:application"),
        ("gunicorn --reload wsgi", "wsgi:application"),
        ("gunicorn -w 4 -n shop wsgi", "wsgi:application"),
        ("gunicorn wsgi -n shop", "wsgi:application"),
        ("gunicorn shop", None),
        ("gunicorn wsgi:app", "wsgi:app"),
        ("waitress-serve --port=80 --call shop.made:assemble", "shop.made:assemble*"),
        ("hypercorn shop.main:app", "shop.main:app"),
        ("fastapi run shop/main.py", "shop.main"),
        ("fastapi dev shop/main.py --app app", "shop.main:app"),
        ("uvicorn shop.again:put_together --factory", "shop.again:put_together*"),
        # The program itself makes it.
        ("python -m shop", "shop.made:assemble('shop')*"),
        ("python run.py", "shop.main:build"),
        ("python /app/local.py", "local:put_up()*"),
        ("python served.py --port 1", "shop.made:assemble('x')*"),
        ("shop-web --port 80", "shop.made:assemble()*"),
        ("/srv/venv/bin/shop-web", "shop.made:assemble()*"),
        ("evil", None),
        ("wrong", None),
        ("shop-other", None),
        ("python looped.py", "shop:create_app('loop')*"),
        ("python kept.py", "shop:create_app()*"),
        ("uvicorn kept:main --factory", None),
        ("uvicorn looped:main --factory", None),
        ("python wsgi.py", None),
        ("python plain.py", None),
        ("python varying.py shop", None),
        ("python -c print()", None),
        ("python", None),
        # Where only one place has it, whatever the folder was called there.
        ("uvicorn inner.deep:app", "inner.deep:app in backend"),
        ("uvicorn twice:app", None),
        # What is not there, or nobody's business.
        ("uvicorn shop.main:missing", None),
        ("uvicorn shop.nowhere:app", None),
        ("uvicorn json:loads", None),
        ("uvicorn os:abort --factory", None),
        ("uvicorn torn:app", None),
        ("uvicorn evil:app", None),
        ("uvicorn link:app", None),
        ("uvicorn outside:app --app-dir ..", None),
        ("flask --app ../outside.py run", None),
        ("flask --app .venv/lib/site-packages/evil.py run", None),
        ("flask --app node_modules/evil.py run", None),
        ("flask --app tools/environment/evil.py run", None),
        ("flask --app /etc/passwd run", None),
        # A function is called only if it makes an application, and with nothing but literals.
        ("uvicorn shop.main:wipe --factory", None),
        ("uvicorn shop.main:wipe", None),
        ("uvicorn shop.again:wipe --factory", None),
        ("flask --app shop.main:wipe run", None),
        (["gunicorn", "shop.main:wipe()"], None),
        (["gunicorn", "shop:create_app(__import__('os').system('x'))"], None),
        (["gunicorn", "shop:create_app(open('x'))"], None),
        (["gunicorn", "shop:create_app(" + "(" * 500], None),
        (["uvicorn", "shop.main:app;import os"], None),
        (["flask", "--app", "shop:create_app()()", "run"], None),
    ],
)
def test_a_command(root: Path, command: str | list[str], expected: str | None) -> None:
    assert target(root, command) == expected


@pytest.mark.parametrize(
    ("folder", "expected"),
    [("backend", "twice:app in backend"), ("other", "twice:app in other"), ("..", None), ("/etc", None), ("", None)],
)
def test_the_folder_that_it_was_started_in_counts_if_it_is_the_projects(
    root: Path, folder: str, expected: str | None
) -> None:
    started_in = str(root / folder) if folder and not folder.startswith("/") else folder
    assert target(root, "uvicorn twice:app", folder=started_in) == expected


def test_flask_s_variable(root: Path) -> None:
    assert target(root, "flask run", flask_app="shop:create_app") == "shop:create_app (flask)"
    assert target(root, "flask --app shop.made run", flask_app="shop") == "shop.made (flask)"
    assert target(root, "uvicorn nowhere:app", flask_app="shop:create_app") is None, "that is no Flask"
    assert target(root, "flask run") is None


@pytest.mark.parametrize(
    ("command", "variable", "expected"),
    [
        ("gunicorn shop.wsgi", "shop.settings.prod", "shop.settings.prod"),
        ("python manage.py runserver --settings=shop.settings.prod", "", "shop.settings.prod"),
        ("python -m django runserver --settings shop.settings.prod", "os", "shop.settings.prod"),
        ("gunicorn shop.wsgi", "shop.settings.missing", ""),
        ("gunicorn shop.wsgi", "django.conf.global_settings", ""),
        ("gunicorn shop.wsgi", "../outside", ""),
        ("python run.py --settings=shop.settings.prod", "", ""),
    ],
)
def test_django_s_settings(root: Path, command: str, variable: str, expected: str) -> None:
    assert settings_of(str(root), Start(tuple(command.split()), settings=variable)) == expected


def test_a_name_stays_inside(root: Path) -> None:
    files = OwnFiles(str(root), [str(root.parent), "..", "/"])
    assert files.module("outside") is None
    assert files.path("../outside.py") is None
    assert files.path(str(root.parent / "outside.py")) is None
    found = files.module("shop")
    assert found is not None
    assert found.file == str(root / "shop" / "__init__.py")


@pytest.mark.parametrize(
    ("resource", "expected"),
    [
        ({}, None),
        (
            {"process.command_args": ["flask", "run"], "process.working_directory": "/app"},
            {"words": ["flask", "run"], "folder": "/app", "flask_app": "", "settings": ""},
        ),
        (
            {"process.command_line": "gunicorn 'shop:create_app()'"},
            {"words": ["gunicorn", "shop:create_app()"], "folder": "", "flask_app": "", "settings": ""},
        ),
        ({"process.command_line": "gunicorn 'shop"}, None),
        ({"process.command_args": 7, "process.working_directory": 7}, None),
        (
            {"flux.process.flask_app": "shop", "flux.process.django_settings": "shop.settings"},
            {"words": [], "folder": "", "flask_app": "shop", "settings": "shop.settings"},
        ),
    ],
)
def test_what_a_trace_tells(tmp_path: Path, resource: dict[str, object], expected: object) -> None:
    recorded = Recorded(tmp_path)
    id = recorded.add(http("GET", "/"), resource=resource)
    with recorded.reader() as reader:
        assert start_of(reader.spans(id)) == expected


APP = """
from flask import Flask

def put_together(stage):
    app = Flask(__name__)

    @app.get("/stage")
    def told():
        return {"stage": stage}

    return app
"""
MAKE = "shop.web:put_together"
SERVED = "from shop.web import put_together\n\nif __name__ == '__main__':\n    put_together('of run').run()\n"


@pytest.mark.slow
def test_requests_run_in_the_application_that_their_command_started(project: Project) -> None:
    """No search would find it: the factory has a name of its own, and needs an argument."""
    project.write("shop/__init__.py", "")
    project.write("shop/web.py", APP)
    project.write("serve.py", SERVED)
    project.write("json.py", "from flask import Flask\nloads = Flask('mine')\n")

    def replayed(*words: str) -> tuple[object, object, object]:
        id = project.add("GET", "/stage", 500, resource={"process.command_args": list(words)})
        answer = project.one(id)
        body = None
        if answer.diff is not None and answer.diff.spans[0].after is not None:
            told = answer.diff.spans[0].after.output
            body = told.get("body") if isinstance(told, dict) else None
        return answer.outcome, answer.now, body or answer.reason

    assert replayed("gunicorn", "shop.web:put_together('prod')")[:2] == ("passing", 200)
    assert replayed("gunicorn", "shop.web:put_together('prod')")[2] == {"stage": "prod"}
    assert replayed("flask", "--app", "shop.web:put_together('dev')", "run")[2] == {"stage": "dev"}
    assert replayed("python", "serve.py")[2] == {"stage": "of run"}
    outcome, now, reason = replayed("uvicorn", "json:loads")
    assert (outcome, now) == ("error", None) or outcome == "skipped"
    assert "is imported from elsewhere than json.py" in str(reason)
    # Two that were started otherwise do not share an import.
    both = [
        project.add(
            "GET", "/stage", 500, resource={"process.command_args": ["gunicorn", f"shop.web:put_together({n})"]}
        )
        for n in (1, 2)
    ]
    answers = project.replay(*both).requests
    assert [each.diff.spans[0].after.output["body"] for each in answers if each.diff] == [{"stage": 1}, {"stage": 2}]
