"""The pictures show what the terminal shows."""

import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from tests.e2e.capture.screen import Screen, available
from tests.e2e.launch import clean_environment

pytestmark = pytest.mark.skipif(not available(), reason="tmux is not installed")


def test_a_program_is_typed_at_and_drawn(tmp_path: Path) -> None:
    from tests.e2e.capture.drawing import svg

    script = r"read word; printf '\033[1;31mred %s\033[0m \033[4:3;58:2::1:2:3mcurly\033[0m <&> é🙂\n' $word; sleep 60"
    with Screen(["bash", "-c", script], folder=tmp_path, env=clean_environment(), columns=40, rows=5) as screen:
        screen.type("apple")
        screen.press("Enter")
        screen.until("red apple", "é🙂")
        drawn = svg(screen.picture(), columns=40, title="a <title>")
    root = ElementTree.fromstring(drawn)
    texts = [
        "".join(element.itertext()).replace("\xa0", " ") for element in root.iter("{http://www.w3.org/2000/svg}text")
    ]
    assert "a <title>" in texts
    assert "red apple" in texts
    assert any("<&> é🙂" in text for text in texts)
    assert "http" not in drawn.replace("http://www.w3.org/2000/svg", "")
