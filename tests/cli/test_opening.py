"""Opening a file at a line in the user's editor."""

from pathlib import Path

import pytest

from flux_ls.cli.opening import CannotOpen, editor_of, open_at, open_command

FILE = Path("/srv/my app/-x.py")


@pytest.mark.parametrize(
    ("editor", "expected"),
    [
        ("vim", ["vim", "+6", str(FILE)]),
        ("nvim --clean", ["nvim", "--clean", "+6", str(FILE)]),
        ("/usr/bin/nano", ["/usr/bin/nano", "+6", str(FILE)]),
        ("emacsclient -nw", ["emacsclient", "-nw", "+6", str(FILE)]),
        ("code --wait", ["code", "--wait", "--goto", f"{FILE}:6"]),
        ("cursor", ["cursor", "--goto", f"{FILE}:6"]),
        ("hx", ["hx", f"{FILE}:6"]),
        ("subl -w", ["subl", "-w", f"{FILE}:6"]),
        ("my-editor", ["my-editor", str(FILE)]),
        ("'/opt/my editor/vim'", ["/opt/my editor/vim", "+6", str(FILE)]),
        ("vim; rm -rf /", ["vim;", "rm", "-rf", "/", str(FILE)]),
        ("$(reboot)", ["$(reboot)", str(FILE)]),
    ],
)
def test_an_editor_gets_arguments_and_no_shell(editor: str, expected: list[str]) -> None:
    assert open_command(editor, FILE, 6) == expected


def test_visual_comes_before_editor() -> None:
    assert editor_of({"VISUAL": "code", "EDITOR": "vi"}) == "code"
    assert editor_of({"VISUAL": "", "EDITOR": "vi"}) == "vi"
    assert editor_of({}) is None


def test_a_relative_file_becomes_absolute() -> None:
    assert open_command("vi", Path("-rf"), 1)[-1] == str(Path.cwd() / "-rf")


@pytest.mark.parametrize(
    ("editor", "says"),
    [
        ("", "set \\$VISUAL"),
        ("'", "cannot be read"),
        (" ", "names no program"),
        ("/nowhere/vi", "could not be started"),
    ],
)
def test_what_is_wrong_is_told(tmp_path: Path, editor: str, says: str) -> None:
    file = tmp_path / "a.py"
    file.touch()
    with pytest.raises(CannotOpen, match=says):
        open_at(file, 1, {"EDITOR": editor})
    with pytest.raises(CannotOpen, match="not there any more"):
        open_at(tmp_path / "b.py", 1, {"EDITOR": "vi"})
