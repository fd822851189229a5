"""Commands with others below them."""

import click
import pytest

from flux_ls.cli.main import cli
from flux_ls.cli.subcommands import CommandWithOthers
from tests.cli.test_completion import offered
from tests.cli.test_main import RECEIVER, imported, taken
from tests.recorded import Recorded
from tests.telemetry import http

from .conftest import Flux

WITH_OTHERS = {"trace": ("debug", "diff"), "state": ("history", "blame")}
OTHERS = [(name, other) for name, others in WITH_OTHERS.items() for other in others]


def command(name: str) -> CommandWithOthers:
    found = cli.get_command(click.Context(cli, info_name="flux"), name)
    assert isinstance(found, CommandWithOthers)
    return found


@pytest.mark.parametrize("name", WITH_OTHERS)
def test_help_lists_them_as_they_say_of_themselves(flux: Flux, name: str) -> None:
    assert tuple(command(name).subcommands) == WITH_OTHERS[name]
    listed = flux(name, "--help").out.split("Commands:")[1]
    for other, (_, help) in command(name).subcommands.items():
        assert f"  {other}" in listed
        assert command(name).get_subcommand(other).get_short_help_str(200).rstrip(".") == help.rstrip(".")


@pytest.mark.parametrize(("name", "other"), OTHERS)
def test_each_has_help_json_and_store(flux: Flux, name: str, other: str) -> None:
    out = flux(name, other, "--help").out
    assert out.startswith(f"Usage: flux {name} {other} ")
    assert "Examples:" in out
    assert f"flux {name} {other}" in out.split("Options:")[1]
    assert "--json" in out
    assert "--store PATH" in out


@pytest.mark.parametrize(("name", "other"), OTHERS)
def test_the_help_of_none_imports_a_receiver_or_the_others(name: str, other: str) -> None:
    modules = imported(name, other, "--help")
    assert taken(modules, RECEIVER) == []
    beside = {module for each, (module, _) in command(name).subcommands.items() if each != other}
    assert not modules & {f"flux_ls.cli.{module}" for module in beside}


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("trace", "d"), ["debug", "diff"]),
        (("state", ""), ["history", "blame"]),
        (("trace", "debug", "ab"), ["ab111111"]),
        (("trace", "ab"), ["ab111111"]),
        (("state", "history", "--l"), ["--limit"]),
    ],
)
def test_completion(recorded: Recorded, words: tuple[str, ...], expected: list[str]) -> None:
    recorded.add(http("GET", "/a"), trace_id="ab" + "1" * 30)
    assert offered(*words, store=str(recorded.store)) == expected
