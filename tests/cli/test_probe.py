"""What is said about an interpreter that lacks something."""

import os
import sys
import venv
from pathlib import Path

import pytest

from flux_ls.cli.probe import Probe, Unusable, advice, check, probe


def test_this_environment_can_record() -> None:
    found = probe(sys.executable, os.environ)
    assert found.version == tuple(sys.version_info[:3])
    assert found.flux
    check(sys.executable, found)


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (Probe((3, 9, 2), True, True, (), ()), "recording needs Python 3.11 or later, and /x/python is 3.9.2"),
        (
            Probe((3, 12, 1), True, True, ("wrapt",), ()),
            '/x/python lacks wrapt; install it there:\n  /x/python -m pip install "flux-ls[record]"',
        ),
        (
            Probe((3, 12, 1), False, True, ("msgspec", "opentelemetry.sdk.trace"), ()),
            "/x/python lacks msgspec, opentelemetry-sdk; install it there:\n"
            "  /x/python -m pip install msgspec opentelemetry-sdk",
        ),
        (
            Probe((3, 12, 1), True, False, ("wrapt",), ()),
            '/x/python lacks wrapt; install it there:\n  uv pip install --python /x/python "flux-ls[record]"',
        ),
    ],
)
def test_what_is_missing_is_said_with_its_mend(found: Probe, expected: str) -> None:
    with pytest.raises(Unusable) as caught:
        check("/x/python", found)
    assert str(caught.value) == expected


def test_libraries_without_their_instrumentation() -> None:
    found = Probe(
        (3, 12, 1),
        True,
        True,
        (),
        (("flask", "opentelemetry-instrumentation-flask==0.60b0"), ("click", "opentelemetry-instrumentation-click")),
    )
    assert advice("/x/my python", found, frozenset()) == [
        "flask: there without OpenTelemetry's instrumentation, so it makes no spans; install that:",
        "  '/x/my python' -m pip install opentelemetry-instrumentation-flask==0.60b0",
    ]
    assert advice("/x/python", found, frozenset({"flask"})) == []


@pytest.mark.parametrize(
    ("library", "instrumented", "lines"),
    [
        ("asyncpg", ["sqlalchemy"], 0),
        ("asyncpg", ["fastapi"], 2),
        ("starlette", ["fastapi"], 0),
        ("starlette", ["sqlalchemy"], 2),
        ("urllib3", ["requests", "flask"], 0),
        ("urllib3", [], 2),
    ],
)
def test_what_is_looked_at_through_another_needs_none(library: str, instrumented: list[str], lines: int) -> None:
    lacking = ((library, f"opentelemetry-instrumentation-{library}"),)
    found = Probe((3, 12, 1), True, True, (), lacking, frozenset(instrumented))
    assert len(advice("/x/python", found, frozenset())) == lines


def test_a_bare_environment_is_told_what_it_lacks(tmp_path: Path) -> None:
    venv.create(tmp_path / "bare", with_pip=False)
    python = str(tmp_path / "bare" / ("Scripts/python.exe" if os.name == "nt" else "bin/python"))
    found = probe(python, {name: value for name, value in os.environ.items() if name != "PYTHONPATH"})
    assert not found.flux
    with pytest.raises(Unusable, match="lacks msgspec, wrapt, opentelemetry-sdk, opentelemetry-instrumentation"):
        check(python, found)


def test_an_environment_tells_what_it_has() -> None:
    found = probe(sys.executable, dict(os.environ))
    assert found.flux
    assert {"fastapi", "flask", "requests", "sqlalchemy"} <= found.instrumented


def test_what_cannot_be_asked() -> None:
    with pytest.raises(Unusable, match="cannot be run"):
        probe("/nowhere/python", {})
    with pytest.raises(Unusable, match="cannot be asked"):
        probe("/bin/false" if os.name != "nt" else "hostname", dict(os.environ))
