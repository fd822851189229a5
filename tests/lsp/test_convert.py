"""Between Flux's terms and the protocol's: paths, URIs, columns."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lsprotocol import types

from flux_ls.lsp.convert import Encoding, code_points, path_to_uri, to_range, units, uri_to_path

LINE = st.text(st.characters(exclude_characters="\r\n", exclude_categories=()), max_size=20)
ENCODING: st.SearchStrategy[Encoding] = st.sampled_from(("utf-8", "utf-16", "utf-32"))


@pytest.mark.parametrize(
    ("path", "uri"),
    [
        ("/srv/app.py", "file:///srv/app.py"),
        ("/with space/é🙂#?.py", "file:///with%20space/%C3%A9%F0%9F%99%82%23%3F.py"),
        ("/100%/a+b&c.py", "file:///100%25/a%2Bb%26c.py"),
        ("/not-utf8-\udcff.py", "file:///not-utf8-%FF.py"),
    ],
)
def test_posix_paths(path: str, uri: str) -> None:
    assert path_to_uri(path, windows=False) == uri
    assert uri_to_path(uri, windows=False) == path


@pytest.mark.parametrize(
    ("path", "uri"),
    [
        ("c:\\Users\\me\\app.py", "file:///c%3A/Users/me/app.py"),
        ("c:\\with space\\é.py", "file:///c%3A/with%20space/%C3%A9.py"),
        ("\\\\server\\share\\app.py", "file://server/share/app.py"),
    ],
)
def test_windows_paths(path: str, uri: str) -> None:
    assert path_to_uri(path, windows=True) == uri
    assert uri_to_path(uri, windows=True) == path


@pytest.mark.parametrize(
    ("uri", "windows", "path"),
    [
        pytest.param("file:///C:/App.py", True, "c:\\App.py", id="a drive letter in upper case"),
        pytest.param("file:///C%3a/App.py", True, "c:\\App.py", id="an escaped colon"),
        pytest.param("FILE://localhost/srv/app.py", False, "/srv/app.py", id="localhost"),
        pytest.param("file:///srv/./x/../app.py", False, "/srv/app.py", id="dots"),
        pytest.param("file:///srv/c#.py", False, "/srv/c#.py", id="a hash that was not escaped"),
        pytest.param("file:///srv/what?.py", False, "/srv/what?.py", id="a question mark that was not escaped"),
        pytest.param("file://host/srv/app.py", False, None, id="a share on another host"),
        pytest.param("untitled:Untitled-1", False, None, id="untitled"),
        pytest.param("vscode-notebook-cell:/srv/n.ipynb#W0", False, None, id="a notebook cell"),
        pytest.param("file://[bad", False, None, id="no URI"),
        pytest.param("file:///a%00b", False, None, id="a null character"),
        pytest.param("", False, None, id="empty"),
        pytest.param("/srv/app.py", False, None, id="a bare path"),
    ],
)
def test_what_clients_send(uri: str, windows: bool, path: str | None) -> None:
    assert uri_to_path(uri, windows=windows) == path


@given(path=st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=30))
def test_every_posix_path_survives(path: str) -> None:
    absolute = uri_to_path(path_to_uri("/" + path, windows=False), windows=False)
    assert absolute is not None
    assert uri_to_path(path_to_uri(absolute, windows=False), windows=False) == absolute


@given(line=LINE, encoding=ENCODING, data=st.data())
def test_columns_there_and_back(line: str, encoding: Encoding, data: st.DataObject) -> None:
    column = data.draw(st.integers(0, len(line)))
    assert code_points(line, units(line[:column], encoding), encoding) == column


@given(line=LINE, encoding=ENCODING, column=st.integers(0, 200))
def test_any_column_of_a_client_is_some_place_in_the_line(line: str, encoding: Encoding, column: int) -> None:
    found = code_points(line, column, encoding)
    assert 0 <= found <= len(line)
    assert units(line[:found], encoding) <= column
    if found < len(line):
        assert units(line[: found + 1], encoding) > column


@pytest.mark.parametrize(("encoding", "expected"), [("utf-8", (6, 9)), ("utf-16", (3, 6)), ("utf-32", (2, 5))])
def test_a_range_behind_an_astral_character(encoding: Encoding, expected: tuple[int, int]) -> None:
    made = to_range(3, 3, 6, "é🙂abc", encoding)
    assert made == types.Range(types.Position(2, expected[0]), types.Position(2, expected[1]))


@pytest.mark.parametrize(
    ("column", "end", "text", "expected"),
    [
        pytest.param(None, None, "    raise X  ", (4, 11), id="the visible part of the line"),
        pytest.param(None, None, "", (0, 0), id="an empty line"),
        pytest.param(5, 99, "    raise X", (4, 11), id="not beyond the line"),
        pytest.param(40, 50, "short", (5, 5), id="a column that is gone"),
        pytest.param(5, 8, None, (4, 7), id="a line whose text is unknown"),
    ],
)
def test_ranges(column: int | None, end: int | None, text: str | None, expected: tuple[int, int]) -> None:
    made = to_range(1, column, end, text, "utf-16")
    assert (made.start.character, made.end.character) == expected
