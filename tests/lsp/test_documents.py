"""Open documents: the text after any edits is the text the client has, in every position encoding."""

import bisect

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lsprotocol import types

from flux_ls.lsp.convert import Encoding
from flux_ls.lsp.documents import Document, Documents, split_keeping_ends
from flux_ls.source.edits import Edit, edited
from flux_ls.source.lines import split_lines
from tests.examples import examples

URI = "file:///project/app.py"
ENCODINGS: tuple[Encoding, ...] = ("utf-8", "utf-16", "utf-32")
TEXT = st.text(st.sampled_from("ab \t(\n\r\x0b\x0c\x1c\x85\u2028\u2029é\u0301あ🙂𐐀"), max_size=30)


def partial(line: int, start: int, end_line: int, end: int, text: str) -> types.TextDocumentContentChangePartial:
    return types.TextDocumentContentChangePartial(
        types.Range(types.Position(line, start), types.Position(end_line, end)), text
    )


def size(char: str, encoding: Encoding) -> int:
    return len(char.encode(encoding + "-le" if encoding != "utf-8" else encoding)) // {"utf-8": 1, "utf-16": 2}.get(
        encoding, 4
    )


def client_position(text: str, offset: int, encoding: Encoding) -> types.Position | None:
    """Where an editor says that `offset` is, counted character by character; None between the two of `\\r\\n`."""
    if 0 < offset < len(text) and text[offset - 1 : offset + 1] == "\r\n":
        return None
    starts = [0]
    for index, char in enumerate(text):
        if char == "\n" or (char == "\r" and text[index + 1 : index + 2] != "\n"):
            starts.append(index + 1)
    line = bisect.bisect_right(starts, offset) - 1
    return types.Position(line, sum(size(char, encoding) for char in text[starts[line] : offset]))


@given(data=st.data(), text=TEXT, encoding=st.sampled_from(ENCODINGS))
@settings(max_examples=examples(300), deadline=None)
def test_any_edits_give_the_text_that_the_client_has(data: st.DataObject, text: str, encoding: Encoding) -> None:
    document = Document(URI, text, 1, encoding)
    for _ in range(data.draw(st.integers(1, 6))):
        first, last = sorted(data.draw(st.tuples(st.integers(0, len(text)), st.integers(0, len(text)))))
        start, end = client_position(text, first, encoding), client_position(text, last, encoding)
        if start is None or end is None:
            continue
        new = data.draw(TEXT)
        edit = document.apply(types.TextDocumentContentChangePartial(types.Range(start, end), new))
        before, text = text, text[:first] + new + text[last:]
        assert document.text == text
        assert edit is not None
        assert edited(split_lines(before), [edit]) == split_lines(text)


@pytest.mark.parametrize(
    ("text", "change", "edit"),
    [
        pytest.param("a\nb\nc", partial(1, 0, 1, 1, "B"), Edit(1, 2, ("B",)), id="within a line"),
        pytest.param("a\nb\nc", partial(1, 1, 1, 1, "\n"), Edit(1, 2, ("b", "")), id="a line more"),
        pytest.param("a\r\nb\nc", partial(0, 1, 1, 0, ""), Edit(0, 2, ("ab",)), id="two lines become one"),
        pytest.param("a\rx\nb", partial(1, 0, 1, 1, ""), Edit(0, 2, ("a",)), id="two line ends become one"),
        pytest.param("a\n", partial(1, 0, 1, 0, "b\r\nc"), Edit(1, 2, ("b", "c")), id="at the end"),
        pytest.param("x\x0cy", partial(0, 1, 0, 1, "\u2028"), Edit(0, 1, ("x\u2028\x0cy",)), id="what ends no line"),
    ],
)
def test_an_edit_tells_the_lines_it_replaced(
    text: str, change: types.TextDocumentContentChangePartial, edit: Edit
) -> None:
    assert Document(URI, text, 1, "utf-16").apply(change) == edit


def test_a_text_sent_as_a_whole_is_no_edit() -> None:
    document = Document(URI, "a\nb", 1, "utf-16")
    assert document.apply(types.TextDocumentContentChangeWholeDocument("c")) is None
    assert document.text == "c"


@given(text=TEXT)
def test_lines_are_those_that_the_source_part_counts(text: str) -> None:
    lines = split_keeping_ends(text)
    assert "".join(lines) == text
    assert [line.rstrip("\r\n") for line in lines] == split_lines(text)


@pytest.mark.parametrize(
    ("before", "edits", "after"),
    [
        pytest.param("a\n", [partial(1, 0, 1, 0, "b")], "a\nb", id="in the empty last line"),
        pytest.param("a", [partial(9, 5, 12, 0, "b")], "ab", id="beyond the end is the end"),
        pytest.param("a\nb\n", [partial(0, 99, 0, 99, "!")], "a!\nb\n", id="beyond a line is its end"),
        pytest.param("a\r\nb", [partial(0, 99, 0, 99, "!")], "a!\r\nb", id="before both characters of the line end"),
        pytest.param("abc", [partial(0, 2, 0, 1, "")], "ac", id="a range the wrong way round"),
        pytest.param("a\rx\nb", [partial(1, 0, 1, 1, "")], "a\r\nb", id="two line ends become one"),
        pytest.param("a\r\nb", [partial(0, 1, 1, 0, "")], "ab", id="a line end removed"),
        pytest.param("", [partial(0, 0, 0, 0, "x\x0cy\nz")], "x\x0cy\nz", id="into nothing"),
        pytest.param("x\x0cy\nz", [partial(1, 0, 1, 1, "Z")], "x\x0cy\nZ", id="a form feed ends no line"),
        pytest.param("x\u2028y\nz", [partial(1, 1, 1, 1, "!")], "x\u2028y\nz!", id="nor does a line separator"),
        pytest.param("a\nb\nc", [partial(0, 0, 2, 1, "")], "", id="everything"),
        pytest.param(
            "ab",
            [types.TextDocumentContentChangeWholeDocument("new\n"), partial(1, 0, 1, 0, "text")],
            "new\ntext",
            id="the whole text, then an edit of it",
        ),
    ],
)
def test_edits(before: str, edits: list[types.TextDocumentContentChangeEvent], after: str) -> None:
    document = Document(URI, before, 1, "utf-16")
    for edit in edits:
        document.apply(edit)
    assert document.text == after


@pytest.mark.parametrize(("encoding", "column"), [("utf-8", 6), ("utf-16", 3), ("utf-32", 2)])
def test_columns_count_in_the_clients_units(encoding: Encoding, column: int) -> None:
    document = Document(URI, "é🙂x", 1, encoding)
    document.apply(partial(0, column, 0, column + 1, "y"))
    assert document.text == "é🙂y"


def test_a_change_of_a_document_that_is_not_open_changes_nothing() -> None:
    documents = Documents()
    seen: list[Document] = []
    documents.on_changed = lambda document, edits: seen.append(document)
    documents.changed(types.VersionedTextDocumentIdentifier(2, URI), [partial(0, 0, 0, 0, "x")])
    assert seen == []
    assert documents.get(URI) is None


def test_whoever_wants_to_know_is_told() -> None:
    documents = Documents()
    told: list[tuple[object, ...]] = []
    documents.on_opened = lambda document: told.append(("opened", document.version, document.text))
    documents.on_changed = lambda document, edits: told.append(("changed", document.version, document.text, edits))
    documents.on_closed = lambda document: told.append(("closed", document.version, document.text))
    documents.opened(types.TextDocumentItem(URI, "python", 1, "a"))
    documents.changed(types.VersionedTextDocumentIdentifier(2, URI), [partial(0, 1, 0, 1, "b")])
    whole = types.TextDocumentContentChangeWholeDocument("c")
    documents.changed(types.VersionedTextDocumentIdentifier(3, URI), [partial(0, 1, 0, 1, "b"), whole])
    documents.closed(URI)
    documents.closed(URI)
    assert told == [
        ("opened", 1, "a"),
        ("changed", 2, "ab", (Edit(0, 1, ("ab",)),)),
        ("changed", 3, "c", None),
        ("closed", 3, "c"),
    ]
