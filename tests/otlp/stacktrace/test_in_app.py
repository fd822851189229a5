"""Whose code a frame is."""

import pytest

from flux_ls.model import Language
from flux_ls.otlp.stacktrace import InAppRule


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/srv/app/shop/pay.py", True),
        ("shop/pay.py", True),
        ("app.py", True),
        ("C:\\work\\shop\\pay.py", True),
        ("/home/u/python3.11/pay.py", True),
        ("/srv/lib/pay.py", True),
        ("/srv/app/bin/worker.py", True),
        ("/srv/app/venv/src/shop/pay.py", True),
        ("C:\\work\\Lib\\asyncio.py", True),
        ("", False),
        ("<string>", False),
        ("<frozen importlib._bootstrap>", False),
        ("/srv/app/.venv/lib/python3.11/site-packages/flask/app.py", False),
        ("/usr/lib/python3/dist-packages/yaml/__init__.py", False),
        ("/usr/lib/python3.11/asyncio/runners.py", False),
        ("/usr/lib64/python3.13t/json/decoder.py", False),
        ("/usr/local/lib/python3.12/threading.py", False),
        ("/root/.pyenv/versions/3.11.7/lib/python3.11/asyncio/tasks.py", False),
        ("/home/u/.local/share/uv/python/cpython-3.12.1-linux-x86_64-gnu/lib/python3.12/ast.py", False),
        ("/Library/Frameworks/Python.framework/Versions/3.11/lib/python3.11/json/decoder.py", False),
        (
            "/opt/homebrew/Cellar/python@3.11/3.11.6/Frameworks/Python.framework/Versions/3.11/lib/python3.11/ast.py",
            False,
        ),
        ("/opt/pypy/lib/pypy3.10/ast.py", False),
        ("C:\\Python311\\Lib\\asyncio\\base_events.py", False),
        ("C:\\Users\\u\\AppData\\Local\\Programs\\Python\\Python311\\lib\\ast.py", False),
        ("C:\\work\\.venv\\Lib\\site-packages\\flask\\app.py", False),
        ("C:\\python\\python311.zip\\ast.py", False),
        ("/home/u/flux/flux_ls/record/rows/django/hooks.py", False),
        ("/srv/app/record/flux.py", True),
        ("/srv/app/.venv/bin/gunicorn", False),
        ("/usr/local/bin/celery", False),
        ("C:\\work\\.venv\\Scripts\\flask.exe\\__main__.py", False),
    ],
)
def test_python(path: str, expected: bool) -> None:
    assert InAppRule().matches(path, "f", "python") is expected


@pytest.mark.parametrize(
    ("path", "function", "language", "expected"),
    [
        ("/srv/app/a.js", "f", "javascript", True),
        ("src/a.ts", "f", "javascript", True),
        ("server.js", "f", "javascript", True),
        ("/srv/app/node_modules/x/a.js", "f", "javascript", False),
        ("node_modules/x/a.js", "f", "javascript", False),
        ("node:fs", "f", "javascript", False),
        ("webpack/bootstrap", "f", "javascript", False),
        ("/srv/webpack/a.js", "f", "javascript", True),
        ("/srv/.yarn/cache/x.zip/a.js", "f", "javascript", False),
        ("/srv/.pnp.cjs", "f", "javascript", False),
        ("/home/u/go/src/shop/main.go", "main.f", "go", True),
        ("/home/u/go/src/github.com/me/shop/x.go", "github.com/me/shop.f", "go", True),
        ("/srv/shop/log/log.go", "example.com/shop/log.f", "go", True),
        ("/usr/local/go/src/net/http/server.go", "net/http.(*conn).serve", "go", False),
        ("net/http/server.go", "net/http.(*conn).serve", "go", False),
        ("/home/u/sdk/go1.22/src/runtime/panic.go", "runtime.gopanic", "go", False),
        ("/usr/local/go/src/runtime/panic.go", "panic", "go", False),
        ("/home/u/go/pkg/mod/github.com/x/y@v1.2.3/y.go", "github.com/x/y.f", "go", False),
        ("github.com/x/y@v1.2.3/y.go", "github.com/x/y.f", "go", False),
        ("/srv/shop/vendor/github.com/x/y/y.go", "github.com/x/y.f", "go", False),
        ("com/shop/A.java", "com.shop.A.f", "java", True),
        ("javafoo/A.java", "javafoo.A.f", "java", True),
        ("java/util/A.java", "java.util.A.f", "java", False),
        ("org/apache/x/A.java", "org.apache.x.A.f", "java", False),
        ("kotlin/A.kt", "kotlin.A.f", "java", False),
        ("com/shop/A.java", "com.shop.A$$FastClassByCGLIB$$1.invoke", "java", False),
    ],
)
def test_other_languages(path: str, function: str, language: Language, expected: bool) -> None:
    assert InAppRule().matches(path, function, language) is expected


LIBRARY = "/srv/.venv/lib/python3.11/site-packages/shop/pay.py"


@pytest.mark.parametrize(
    ("include", "exclude", "path", "function", "language", "expected"),
    [
        (("shop",), (), LIBRARY, "f", "python", True),
        (("shop.pay",), (), LIBRARY, "f", "python", True),
        (("sho",), (), LIBRARY, "f", "python", False),
        (("pay",), (), LIBRARY, "f", "python", False),
        (("srv",), (), LIBRARY, "f", "python", False),
        (("/srv/.venv",), (), LIBRARY, "f", "python", True),
        (("/srv/.ven",), (), LIBRARY, "f", "python", False),
        (("site-packages/shop",), (), LIBRARY, "f", "python", True),
        (("shop",), ("/srv",), LIBRARY, "f", "python", True),
        (("<string>",), (), "<string>", "f", "python", True),
        ((), ("shop.pay",), "/srv/app/shop/pay.py", "f", "python", False),
        ((), ("shop.pa",), "/srv/app/shop/pay.py", "f", "python", True),
        ((), ("/srv/app/",), "/srv/app/shop/pay.py", "f", "python", False),
        ((), ("/srv/ap",), "/srv/app/shop/pay.py", "f", "python", True),
        ((), ("./shop/",), "/srv/app/shop/pay.py", "f", "python", False),
        ((), ("c:/WORK",), "C:\\work\\shop\\pay.py", "f", "python", False),
        ((), ("C:\\work\\shop",), "C:\\work\\shop\\pay.py", "f", "python", False),
        ((), ("",), "/srv/app/shop/pay.py", "f", "python", True),
        (("org.apache.mine",), (), "org/apache/mine/A.java", "org.apache.mine.A.f", "java", True),
        ((), ("com.shop",), "com/shop/A.java", "com.shop.A.f", "java", False),
        ((), ("com.sh",), "com/shop/A.java", "com.shop.A.f", "java", True),
        ((), ("example.com/gen",), "/srv/gen/x.go", "example.com/gen.f", "go", False),
        ((), ("main",), "/srv/x.go", "main.f", "go", False),
        (("node_modules/@shop",), (), "/srv/node_modules/@shop/x/a.js", "f", "javascript", True),
    ],
)
def test_what_the_user_says(
    include: tuple[str, ...], exclude: tuple[str, ...], path: str, function: str, language: Language, expected: bool
) -> None:
    assert InAppRule(include, exclude).matches(path, function, language) is expected
