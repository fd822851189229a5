"""What the recorder goes by."""

from pathlib import Path

import pytest
from msgspec import structs

from flux_ls.config import Settings
from flux_ls.record.settings import RecorderSettings, as_environment, load


def test_the_defaults_are_those_of_flux(tmp_path: Path) -> None:
    ours, theirs = load({}, tmp_path), Settings()
    for name in RecorderSettings.__slots__:
        if name != "endpoint":
            assert getattr(ours, name) == getattr(theirs, name), name
    assert ours.endpoint == "http://127.0.0.1:4318"


def test_flux_run_hands_its_settings_on(tmp_path: Path) -> None:
    settings = Settings(
        functions=("shop.*", "till.pay"),
        redact_keys=("tax_number",),
        record_rate=0.25,
        record_value_bytes=100,
        record_span_bytes=2000,
        record_calls=0,
        in_app_include=("/srv",),
    )
    environ = as_environment(structs.asdict(settings)) | {"FLUX_RECORD": "1", "FLUX_OTLP_ENDPOINT": "http://[::1]:9"}
    assert load(environ, tmp_path) == RecorderSettings(
        endpoint="http://[::1]:9",
        functions=("shop.*", "till.pay"),
        redact_keys=("tax_number",),
        in_app_include=("/srv",),
        record_rate=0.25,
        record_value_bytes=100,
        record_span_bytes=2000,
        record_calls=0,
    )


LAYERS: list[tuple[str, dict[str, str], dict[str, object], object]] = [
    ("record_rate = 0.5", {}, {}, 0.5),
    ("record_rate = 0.5", {"FLUX_RECORD_RATE": "0.25"}, {}, 0.25),
    ("record_rate = 0.5", {"FLUX_RECORD_RATE": "0.25"}, {"record_rate": 0.1}, 0.1),
    ("record_rate = 0.5", {"FLUX_RECORD_RATE": "0.25"}, {"record_rate": None}, 0.25),
    ("record_rate = 0.5", {"FLUX_RECORD_RATE": "7"}, {}, 0.5),
    ("record_rate = 'x'", {}, {"record_rate": -1}, 1.0),
    ("record_rate = ", {}, {}, 1.0),
]


@pytest.mark.parametrize(("table", "environ", "given", "expected"), LAYERS)
def test_where_settings_come_from(
    tmp_path: Path, table: str, environ: dict[str, str], given: dict[str, object], expected: object
) -> None:
    (tmp_path / "pyproject.toml").write_text(f"[tool.flux]\n{table}\n")
    inside = tmp_path / "src"
    inside.mkdir()
    assert load(environ, inside, given).record_rate == expected


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"FLUX_OTLP_HTTP_PORT": "14318"}, "http://127.0.0.1:14318"),
        ({"FLUX_OTLP_ENDPOINT": "http://collector:80/flux/v1/traces"}, "http://collector:80/flux"),
        ({"FLUX_OTLP_ENDPOINT": "nonsense"}, "http://127.0.0.1:4318"),
    ],
)
def test_where_it_sends_to(tmp_path: Path, environ: dict[str, str], expected: str) -> None:
    assert load(environ, tmp_path).endpoint == expected


def test_sizes_have_units(tmp_path: Path) -> None:
    assert load({"FLUX_RECORD_VALUE_BYTES": "8 KiB"}, tmp_path).record_value_bytes == 8192
