"""Settings: every layer, every type, and that nothing wrong in them stops anything."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flux_ls import config
from flux_ls.config import GIB, OPTIONS, Below, Settings, load, settings, together, with_settings


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "project" / "src").mkdir(parents=True)
    return tmp_path / "project"


def write(project: Path, table: str) -> None:
    (project / "pyproject.toml").write_text(f"[project]\nname = 'shop'\n\n[tool.flux]\n{table}\n")


def test_without_any_setting_the_defaults_hold(project: Path) -> None:
    loaded = load(project, {"XDG_DATA_HOME": "/data"})
    assert loaded.settings == Settings(store=Path("/data/flux/flux.db"))
    assert set(loaded.origin.values()) == {"default"}
    assert loaded.warnings == ()


def test_a_relative_xdg_data_home_is_no_place_as_its_specification_says(project: Path) -> None:
    assert load(project, {"XDG_DATA_HOME": "data"}).settings.store != Path("data/flux/flux.db")
    assert load(project, {"XDG_DATA_HOME": "data"}).settings.store.is_absolute()


def test_later_layers_win_and_origin_says_which(project: Path) -> None:
    write(project, "otlp_http_port = 1\notlp_grpc_port = 1\nidle_exit = 1\nretention_days = 1")
    loaded = load(
        project / "src",
        {"FLUX_OTLP_GRPC_PORT": "2", "FLUX_IDLE_EXIT": "2", "FLUX_RETENTION_DAYS": "2"},
        {"idleExit": 3, "retentionDays": 3},
        {"retention_days": 4, "store": None},
    )
    settings = loaded.settings
    assert (settings.otlp_http_port, settings.otlp_grpc_port, settings.idle_exit, settings.retention_days) == (
        1,
        2,
        3,
        4,
    )
    assert loaded.origin["otlp_http_port"] == f"pyproject.toml ({project / 'pyproject.toml'})"
    assert loaded.origin["otlp_grpc_port"] == "FLUX_OTLP_GRPC_PORT"
    assert loaded.origin["idle_exit"] == "editor"
    assert loaded.origin["retention_days"] == "--retention-days"
    assert loaded.origin["store"] == "default"


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("otlp_http_port", "14318", 14318),
        ("otlp_grpc_port", "0", 0),
        ("in_app_include", "shop, lib.shared ,", ("shop", "lib.shared")),
        ("in_app_exclude", "vendor", ("vendor",)),
        ("retention_days", "0.5", 0.5),
        ("retention_bytes", "1 GiB", GIB),
        ("retention_bytes", "500mb", 500 * 1024**2),
        ("retention_bytes", "2147483648", 2 * GIB),
        ("retention_bytes", "0", 0),
        ("idle_exit", "0", 0),
        ("collector", "off", False),
        ("traffic_lens", "YES", True),
        ("functions", "shop.*, !shop.models.*", ("shop.*", "!shop.models.*")),
        ("record_rate", "0.25", 0.25),
        ("record_value_bytes", "8k", 8192),
        ("record_calls", "0", 0),
        ("record_row_reads", "no", False),
        ("python", "python3.12", "python3.12"),
        ("explain_url", "https://models.example.org/v1", "https://models.example.org/v1"),
    ],
)
def test_the_environment_is_read_into_types(project: Path, name: str, text: str, expected: object) -> None:
    loaded = load(project, {f"FLUX_{name.upper()}": text})
    assert getattr(loaded.settings, name) == expected
    assert loaded.warnings == ()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("store", ""),
        ("store", 5),
        ("store", "~nobody-of-that-name/flux.db"),
        ("otlp_http_port", 0),
        ("otlp_http_port", 65536),
        ("otlp_http_port", 4318.5),
        ("otlp_http_port", True),
        ("otlp_grpc_port", -1),
        ("otlp_grpc_port", "4317x"),
        ("path_map", ["/srv/app"]),
        ("path_map", ["=."]),
        ("path_map", 3),
        ("in_app_include", [1]),
        ("retention_days", -1),
        ("retention_days", "nan"),
        ("retention_days", "inf"),
        ("retention_bytes", 1),
        ("retention_bytes", "much"),
        ("idle_exit", -1),
        ("collector", "maybe"),
        ("show_handled", 1),
        ("hints_per_file", 0),
        ("hints_per_file", "all"),
        ("record_rate", 1.5),
        ("record_span_bytes", 10),
        ("record_calls", -1),
        ("python", ""),
        ("explain_url", "models.example.org"),
        ("explain_url", "file:///etc/passwd"),
    ],
)
def test_a_bad_value_is_a_warning_and_the_earlier_layer_stays(project: Path, name: str, value: Any) -> None:
    loaded = load(project, {}, {name: value})
    default = load(project, {})
    assert loaded.settings == default.settings
    assert loaded.origin[name] == "default"
    (warning,) = loaded.warnings
    (option,) = [option for option in OPTIONS if option.name == name]
    assert warning.startswith(f"editor: `{name}` = ")
    assert option.accepts in warning


@pytest.mark.parametrize(
    ("url", "accepted"),
    [
        ("https://models.example.org/v1", False),
        ("http://localhost.example.org/v1", False),
        ("http://user@127.0.0.1@example.org/v1", False),
        ("http://127.0.0.1:11434/v1", True),
        ("http://localhost:11434/v1", True),
        ("http://[::1]:11434/v1", True),
    ],
)
def test_a_repository_does_not_say_where_the_users_key_goes(project: Path, url: str, accepted: bool) -> None:
    write(project, f'explain_url = "{url}"')
    loaded = load(project, {})
    assert loaded.settings.explain_url == (url if accepted else "")
    assert ["FLUX_EXPLAIN_URL" in warning for warning in loaded.warnings] == [] if accepted else [True]
    assert load(project, {"FLUX_EXPLAIN_URL": "https://models.example.org/v1"}).settings.explain_url.endswith("org/v1")


def test_port_0_is_for_the_command_line_only(project: Path) -> None:
    assert load(project, {}, flags={"otlp_http_port": 0}).settings.otlp_http_port == 0
    assert load(project, {"FLUX_OTLP_HTTP_PORT": "0"}).settings.otlp_http_port == 4318


@pytest.mark.parametrize("key", ["otlpHttpPort", "otlp_http_port", "flux.otlpHttpPort"])
def test_the_editor_may_spell_names_either_way(project: Path, key: str) -> None:
    # A Lua client sends whole numbers as floats.
    assert load(project, {}, {key: 9.0}).settings.otlp_http_port == 9


def test_every_editor_name_is_understood(project: Path) -> None:
    assert [load(project, {}, {option.editor: None}).warnings for option in OPTIONS] == [()] * len(OPTIONS)
    assert [settings._snake(option.editor) for option in OPTIONS] == [option.name for option in OPTIONS]


def test_unknown_names_warn_with_the_likely_one(project: Path) -> None:
    write(project, "stoer = 'x'\nbackend = 'tempo+http://t'")
    loaded = load(project, {"FLUX_OTLP_HTP_PORT": "1", "FLUX_SYSTEM_NAMESPACE": "cd"}, {"retentionDay": 1, "trace": {}})
    file = project / "pyproject.toml"
    assert loaded.warnings == (
        f"pyproject.toml ({file}): there is no setting `stoer`; did you mean `store`?",
        f"pyproject.toml ({file}): there is no setting `backend`",
        "environment: there is no setting `FLUX_OTLP_HTP_PORT`; did you mean `FLUX_OTLP_HTTP_PORT`?",
        "editor: there is no setting `retentionDay`; did you mean `retention_days`?",
    )


def test_relative_paths_start_where_they_are_written(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(project, "store = 'a.db'\npath_map = ['/srv/app=.', '/srv/lib=../lib']")
    monkeypatch.chdir(tmp_path)
    source = project / "src"
    loaded = load(source, {})
    assert loaded.settings.store == project / "a.db"
    assert loaded.settings.path_map == (f"/srv/app={project}", f"/srv/lib={tmp_path / 'lib'}")
    assert load(source, {"FLUX_STORE": "b.db"}).settings.store == tmp_path / "b.db"
    assert load(source, {}, {"store": "c.db"}).settings.store == source / "c.db"
    assert load(source, {}, flags={"store": Path("d.db")}).settings.store == tmp_path / "d.db"
    assert load(source, {"FLUX_PATH_MAP": "/srv/app=."}).settings.path_map == (f"/srv/app={source}",)
    assert load(source, {"FLUX_STORE": "~/e.db"}).settings.store == Path.home() / "e.db"


def test_path_map_may_be_a_table(project: Path) -> None:
    write(project, "path_map = {'/srv/app' = '.'}")
    assert load(project, {}).settings.path_map == (f"/srv/app={project}",)


def test_a_pyproject_without_our_table_leaves_it_to_the_one_above(project: Path) -> None:
    write(project, "otlp_http_port = 7")
    (project / "src" / "pyproject.toml").write_text("[project]\nname = 'member'\n")
    assert load(project / "src", {}).settings.otlp_http_port == 7


@pytest.mark.parametrize(
    "text", ["[tool.flux", "tool = 3\n", "[tool]\nflux = 3\n", "\x00", "[tool.flux]\na = 1\na = 2"]
)
def test_a_broken_pyproject_never_stops_anything(project: Path, text: str) -> None:
    (project / "pyproject.toml").write_text(text)
    loaded = load(project, {"FLUX_IDLE_EXIT": "5"})
    assert loaded.settings.idle_exit == 5
    assert len(loaded.warnings) == (0 if text == "tool = 3\n" else 1)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@given(st.dictionaries(st.sampled_from([option.name for option in OPTIONS]) | st.text(), json_values, max_size=4))
def test_no_editor_value_whatever_it_is_stops_anything(editor: dict[str, Any]) -> None:
    loaded = load(Path("/nowhere"), {}, editor)
    changed = {name for name, source in loaded.origin.items() if source == "editor"}
    assert changed <= editor.keys() | {settings._snake(key) for key in editor}
    for name in Settings.__struct_fields__:
        if name not in changed:
            assert getattr(loaded.settings, name) == getattr(load(Path("/nowhere"), {}).settings, name)


@given(st.dictionaries(st.sampled_from([option.env for option in OPTIONS]), st.text(), max_size=4))
def test_no_environment_value_stops_anything(environ: dict[str, str]) -> None:
    settings = load(Path("/nowhere"), environ).settings
    assert settings.store.is_absolute()
    assert 1 <= settings.otlp_http_port <= 65535


def test_settings_and_options_name_the_same_things() -> None:
    assert [option.name for option in OPTIONS] == list(Settings.__struct_fields__)
    assert config.as_dict(Settings(store=Path("/x/flux.db"), path_map=("/a=/b",)))["path_map"] == ["/a=/b"]


def test_what_is_kept_reads_as_it_would_be_written(tmp_path: Path) -> None:
    environ = {"FLUX_COLLECTOR": "maybe", "FLUX_PATH_MAP": "a"}
    kept = [warning.rpartition("Kept: ")[2] for warning in config.load(tmp_path, environ).warnings]
    assert sorted(kept) == ["none", "true"]


MONOREPO = {
    "pyproject.toml": "[tool.flux]\nidle_exit = 5\n",
    "services/shop/pyproject.toml": "[tool.flux]\napp = 'shop:app'\nstore = 'own.db'\npath_map = ['/app=.']\n",
    "services/shop/deep/er/pyproject.toml": "[project]\nname = 'flux of sorts'\n",
    "services/gate/pyproject.toml": "[tool.flux]\npath_map = ['/app=.']\nredact_keys = ['pin']\n",
    "services/torn/pyproject.toml": "[tool.flux\n",
    "services/plain/pyproject.toml": "[project]\nname = 'plain'\n",
    "node_modules/some/pyproject.toml": "[tool.flux]\n",
    ".hidden/pyproject.toml": "[tool.flux]\n",
    "tools/environment/pyvenv.cfg": "",
    "tools/environment/lib/pyproject.toml": "[tool.flux]\n",
    "tools/environment/pyproject.toml": "[tool.flux]\n",
}


@pytest.fixture
def monorepo(tmp_path: Path) -> Path:
    for name, text in MONOREPO.items():
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    (tmp_path / "services" / "again").symlink_to(tmp_path / "services" / "shop")
    return tmp_path


def test_the_projects_that_have_settings_of_their_own(monorepo: Path) -> None:
    found = [str(folder.relative_to(monorepo)) for folder in with_settings(monorepo)]
    assert found == ["services/gate", "services/shop", "services/torn"]
    assert with_settings(monorepo / "services" / "shop") == ()
    assert with_settings(monorepo / "nowhere") == ()


def test_what_a_project_says_and_what_of_it_only_counts_there(monorepo: Path) -> None:
    environ = {"FLUX_APP": "other:app", "XDG_DATA_HOME": "/data"}
    below = [Below(folder, load(monorepo, environ, inside=folder)) for folder in with_settings(monorepo)]
    gate, shop, torn = below
    assert gate.own == ("path_map", "redact_keys")
    assert shop.own == ("store", "path_map"), "the environment has said what the application is"
    assert (gate.unheard, shop.unheard, torn.own) == ((), ("store",), ())
    [warning] = torn.loaded.warnings
    assert "services/torn/pyproject.toml" in warning
    own = load(monorepo, {"FLUX_PATH_MAP": ""}).settings
    pairs = [f"/app={monorepo / 'services' / name}" for name in ("gate", "shop")]
    assert together("path_map", own, below) == tuple(pairs)
    assert together("redact_keys", Settings(redact_keys=("nip",)), below) == ("nip", "pin")
