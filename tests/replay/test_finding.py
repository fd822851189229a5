"""Which application of a project is found, by reading its files."""

from pathlib import Path

import pytest

from flux_ls.replay.child.finding import NotFound, django_settings, find

WSGI = "from django.core.wsgi import get_wsgi_application\napplication = get_wsgi_application()\n"
FLASK = "from flask import Flask\napp = Flask(__name__)\n"
FACTORY = "from flask import Flask\ndef create_app(config=None):\n    app = Flask(__name__)\n    return app\n"


def write(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)


@pytest.mark.parametrize(
    ("files", "target", "folder"),
    [
        ({"app.py": FLASK}, "app:app", "."),
        ({"shop/__init__.py": "", "shop/web.py": FLASK}, "shop.web:app", "."),
        ({"shop/__init__.py": FLASK}, "shop:app", "."),
        ({"shop/web.py": FLASK}, "shop.web:app", "."),
        ({"src/shop/web.py": FLASK}, "shop.web:app", "src"),
        ({"shop/__init__.py": FACTORY}, "shop:create_app", "."),
        (
            {"shop/__init__.py": FACTORY, "wsgi.py": "from shop import create_app\napp = create_app()\n"},
            "shop:create_app",
            ".",
        ),
        ({"main.py": "import fastapi\nservice: fastapi.FastAPI = fastapi.FastAPI()\n"}, "main:service", "."),
        ({"main.py": "from starlette.applications import Starlette\napp = Starlette(routes=[])\n"}, "main:app", "."),
        (
            {
                "manage.py": "os.environ.setdefault('DJANGO_SETTINGS_MODULE', 'site.settings')\n",
                "site/wsgi.py": WSGI,
                "site/asgi.py": WSGI.replace("wsgi", "asgi"),
            },
            "site.wsgi:application",
            ".",
        ),
        (
            {"manage.py": "os.environ['DJANGO_SETTINGS_MODULE'] = 'site.settings'\n"},
            "django.core.wsgi:get_wsgi_application()",
            ".",
        ),
        ({"app.py": FLASK, "tests/app.py": FLASK, "docs/app.py": FLASK, ".tox/app.py": FLASK}, "app:app", "."),
        ({"app.py": FLASK, "env2/pyvenv.cfg": "", "env2/app.py": FLASK}, "app:app", "."),
        ({"app.py": FLASK, "broken.py": "app = Flask(\n", "other.py": "x = 1\n"}, "app:app", "."),
        (
            {"services/users/pyproject.toml": "", "services/users/users/web.py": FLASK},
            "users.web:app",
            "services/users",
        ),
    ],
)
def test_an_application(tmp_path: Path, files: dict[str, str], target: str, folder: str) -> None:
    write(tmp_path, files)
    found = find(str(tmp_path))
    assert (found.target, Path(found.folder)) == (target, tmp_path / folder)


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({}, "no application was found"),
        ({"web.py": "app = make_it()\n"}, "no application was found"),
        ({"web.py": "# Flask\ndef create_app(needed):\n    return Flask(needed)\n"}, "no application was found"),
        ({"a.py": FLASK, "b.py": FLASK}, "several applications were found (a:app, b:app)"),
    ],
)
def test_none_or_several(tmp_path: Path, files: dict[str, str], said: str) -> None:
    write(tmp_path, files)
    with pytest.raises(NotFound) as refused:
        find(str(tmp_path))
    assert str(refused.value).startswith(said)
    assert "--app" in str(refused.value)


def test_of_several_the_one_nearest_to_what_was_recorded(tmp_path: Path) -> None:
    write(tmp_path, {"orders/web.py": FLASK, "users/web.py": FLASK})
    assert find(str(tmp_path), ["/srv/shop/users/views.py"]).target == "users.web:app"


@pytest.mark.parametrize(("told", "target"), [("shop.web:make", "shop.web:make"), ("shop", "shop")])
def test_flask_s_own_variable(tmp_path: Path, told: str, target: str) -> None:
    write(tmp_path, {"app.py": FLASK})
    assert find(str(tmp_path), environ={"FLASK_APP": told}).target == target


@pytest.mark.parametrize(
    ("files", "target"),
    [
        ({".flaskenv": "FLASK_APP=shop.web:make\n"}, "shop.web:make"),
        ({".flaskenv": "# FLASK_APP=no\nexport FLASK_APP = 'shop'  # which\n"}, "shop"),
        ({".flaskenv": "FLASK_APP=one\n", ".env": "DEBUG=1\nFLASK_APP=two # it is\n"}, "two"),
        ({".flaskenv": "FLASK_APP=\"shop:create_app('dev', n=1)\"\n"}, "shop:create_app('dev', n=1)"),
        ({".flaskenv": "FLASK_APPLE=shop\n"}, "app:app"),
        ({".flaskenv": "FLASK_APP=\n"}, "app:app"),
    ],
)
def test_what_flask_run_reads(tmp_path: Path, files: dict[str, str], target: str) -> None:
    write(tmp_path, {"app.py": FLASK, **files})
    assert find(str(tmp_path)).target == target


@pytest.mark.parametrize(
    ("text", "settings"),
    [
        ("os.environ.setdefault('DJANGO_SETTINGS_MODULE', 'shop.settings')", "shop.settings"),
        ('os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings.dev"', "config.settings.dev"),
        ('setdefault("DJANGO_SETTINGS_MODULE", name)', None),
        ("", None),
    ],
)
def test_the_settings_that_manage_py_names(tmp_path: Path, text: str, settings: str | None) -> None:
    assert django_settings(tmp_path) is None
    (tmp_path / "manage.py").write_text(text)
    assert django_settings(tmp_path) == settings
