"""What holds of all tests with hypothesis: on a busy machine nothing takes too long."""

import re
from pathlib import Path

HERE = Path(__file__).parent
OWN_LIST = re.compile(r"suppress_health_check=(\[[^\]]*\])")
OWN_DEADLINE = re.compile(r"@settings\([^@]*?\bdeadline=(\w+)")


def found(pattern: re.Pattern[str]) -> list[tuple[str, str]]:
    """With the files that have it."""
    files = [file for file in HERE.rglob("*.py") if file != Path(__file__)]
    return [(str(file), each) for file in files for each in pattern.findall(file.read_text(encoding="utf-8"))]


def test_a_list_of_its_own_takes_the_place_of_the_profiles_and_has_the_slow_too() -> None:
    lists = found(OWN_LIST)
    assert lists
    assert [each for each in lists if "too_slow" not in each[1]] == []


def test_no_example_has_a_deadline() -> None:
    deadlines = found(OWN_DEADLINE)
    assert deadlines
    assert [each for each in deadlines if each[1] != "None"] == []
