"""Paths as traces spell them."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flux_ls.source.recorded_path import read_path


@pytest.mark.parametrize(
    ("text", "parts", "absolute", "windows"),
    [
        ("/srv/app/x.py", ("srv", "app", "x.py"), True, False),
        ("/srv//app/./lib/../x.py", ("srv", "app", "x.py"), True, False),
        ("/../../etc/passwd", ("etc", "passwd"), True, False),
        ("../../x.py", ("x.py",), False, False),
        ("shop/x.py", ("shop", "x.py"), False, False),
        ("/srv/a\\b.py", ("srv", "a\\b.py"), True, False),
        ("C:\\app\\x.py", ("C:", "app", "x.py"), True, True),
        ("c:/app/x.py", ("c:", "app", "x.py"), True, True),
        ("app\\x.py", ("app", "x.py"), False, True),
        ("\\\\server\\share\\x.py", ("server", "share", "x.py"), True, True),
        ("\\\\?\\C:\\app\\x.py", ("C:", "app", "x.py"), True, True),
        ("\\\\?\\UNC\\server\\share\\x.py", ("server", "share", "x.py"), True, True),
        ("\\\\wsl.localhost\\Ubuntu\\srv\\x.py", ("wsl.localhost", "Ubuntu", "srv", "x.py"), True, True),
        (".\\app.py", ("app.py",), False, True),
        ("./app.py", ("app.py",), False, False),
        ("/srv/app.pyz/shop/x.py", ("srv", "app.pyz", "shop", "x.py"), True, False),
        ("/srv/mein laden/x y.py", ("srv", "mein laden", "x y.py"), True, False),
        ("file:///srv/a%20b/x.mjs?v=1", ("srv", "a b", "x.mjs"), True, False),
        ("file:///C:/app/x.mjs", ("C:", "app", "x.mjs"), True, True),
        ("webpack:///./src/x.ts", ("src", "x.ts"), False, False),
        ("webpack-internal:///./src/x.ts", ("src", "x.ts"), False, False),
        ("http://localhost:3000/static/main.js", ("static", "main.js"), False, False),
        ("com/acme/Foo.java", ("com", "acme", "Foo.java"), False, False),
    ],
)
def test_read_path(text: str, parts: tuple[str, ...], absolute: bool, windows: bool) -> None:
    read = read_path(text)
    assert read is not None
    assert (read.parts, read.absolute, read.windows) == (parts, absolute, windows)


@pytest.mark.parametrize(
    "text",
    ["", "/", ".", "<string>", "<frozen runpy>", "node:internal/timers", "a\0b", "file:///a%00b", "http://[x", "///"],
)
def test_no_path(text: str) -> None:
    assert read_path(text) is None


@pytest.mark.skipif(os.name == "nt", reason="paths of this machine")
@pytest.mark.parametrize("text", ["C:\\app\\x.py", "\\\\server\\share\\x.py", "shop/x.py", "webpack:///srv/x.ts"])
def test_not_on_this_disk(text: str) -> None:
    read = read_path(text)
    assert read is not None
    assert read.on_disk() is None


@pytest.mark.parametrize(
    ("text", "spelled", "caseless"),
    [
        ("/srv//app/./x.py", "/srv/app/x.py", False),
        ("./shop/x.py", "shop/x.py", False),
        ("c:/app/x.py", "c:\\app\\x.py", True),
        ("\\\\server\\share\\x.py", "\\\\server\\share\\x.py", True),
        ("shop\\x.py", "shop\\x.py", True),
        ("/Users/ada/shop/x.py", "/Users/ada/shop/x.py", True),
        ("/Volumes/code/shop/x.py", "/Volumes/code/shop/x.py", True),
        ("Users/ada/x.py", "Users/ada/x.py", False),
    ],
)
def test_how_it_is_spelled(text: str, spelled: str, caseless: bool) -> None:
    read = read_path(text)
    assert read is not None
    assert (read.spelled, read.caseless) == (spelled, caseless)
    assert read_path(read.spelled) == read


@given(
    st.lists(st.sampled_from(["/", "\\", "..", ".", "a", "C:", "file:", "x://", "%2e%2e", "%", "[", "é"])).map("".join)
)
def test_no_path_climbs(text: str) -> None:
    read = read_path(text)
    assert read is None or not {"..", ".", ""} & set(read.parts)
