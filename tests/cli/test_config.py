"""`flux config`: what is in force, and from where."""

import pytest

from flux_ls.config import OPTIONS
from tests import checkout
from tests.recorded import Recorded

from .conftest import Flux


def test_every_setting_with_its_origin(flux: Flux, recorded: Recorded, monkeypatch: pytest.MonkeyPatch) -> None:
    project = recorded.write("pyproject.toml", "[tool.flux]\nidle_exit = 60\npath_map = ['/srv/app=.']\n")
    monkeypatch.setenv("FLUX_RETENTION_DAYS", "2")
    ran = flux("config", "--otlp-grpc-port", "0", "--no-collector")
    rows = {row.split()[0]: row.split(maxsplit=2)[1:] for row in ran.out.splitlines()}
    assert list(rows) == [option.name for option in OPTIONS]
    assert rows["idle_exit"] == ["60", f"pyproject.toml ({project})"]
    assert rows["path_map"][0].startswith("/srv/app=")
    assert rows["retention_days"] == ["2", "FLUX_RETENTION_DAYS"]
    assert rows["otlp_grpc_port"] == ["0", "--otlp-grpc-port"]
    assert rows["collector"] == ["false", "--collector"]
    assert rows["otlp_http_port"] == ["4318", "default"]
    assert rows["store"] == [str(recorded.store), "FLUX_STORE"]


def test_of_several_projects_in_a_checkout_the_one_around_the_folder_counts(
    flux: Flux, recorded: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkout.new(recorded.root)
    recorded.write("pyproject.toml", "[tool.flux]\nidle_exit = 60\n")
    recorded.write("services/tickets/pyproject.toml", "[tool.flux]\nfunctions = ['tickets.*']\n")
    recorded.write("services/gate/pyproject.toml", "[project]\nname = 'gate'\n")
    recorded.write("services/tickets/src/tickets.py", "")
    monkeypatch.setenv("FLUX_PATH_MAP", "/srv/app=.")

    def both(folder: str) -> tuple[str, str]:
        monkeypatch.chdir(recorded.root / folder)
        rows = {
            row.split()[0]: row.split(maxsplit=2)[1:] for row in flux("config").out.partition("\n\n")[0].splitlines()
        }
        assert rows["path_map"] == [f"/srv/app={recorded.root}", "FLUX_PATH_MAP"]
        return rows["functions"][0], rows["idle_exit"][0]

    assert both("services/tickets") == both("services/tickets/src") == ("tickets.*", "1800")
    assert both("services/gate") == both(".") == ("none", "60")


def test_json(flux: Flux, recorded: Recorded) -> None:
    recorded.write("pyproject.toml", "[tool.flux]\nnonsense = 1\n")
    ran = flux("config", "--in-app-include", "shop", "--in-app-include", "lib", "--json")
    (answer,) = ran.json
    settings = {setting["name"]: setting for setting in answer["settings"]}
    assert settings["in_app_include"] == {
        "name": "in_app_include",
        "value": ["shop", "lib"],
        "origin": "--in-app-include",
    }
    assert settings["retention_bytes"]["value"] == 2 * 1024**3
    assert len(answer["warnings"]) == 1
    assert "nonsense" in ran.err


def test_of_a_path_and_of_the_projects_below(flux: Flux, recorded: Recorded, monkeypatch: pytest.MonkeyPatch) -> None:
    checkout.new(recorded.root)
    shop = recorded.write("services/shop/pyproject.toml", "[tool.flux]\napp = 'shop:app'\nidle_exit = 'soon'\n")
    file = recorded.write("services/shop/app/main.py", "")
    recorded.write("services/torn/pyproject.toml", "[tool.flux\n")
    ran = flux("config")
    assert ran.out.splitlines()[-3:] == [
        "Projects below have settings of their own, for what is in them:",
        "  services/shop/pyproject.toml: app",
        "  services/torn/pyproject.toml: nothing that is usable",
    ]
    assert "`idle_exit` = 'soon' is not usable" in ran.err
    assert ran.err.count("services/torn") == 1
    for path in (file, file.parent, "services/shop"):
        ran = flux("config", str(path))
        assert "shop:app  " in ran.out
        assert f"pyproject.toml ({shop})" in ran.out
        assert "Projects below" not in ran.out
    assert "services/shop/pyproject.toml: app" in flux("config", "services").out
    [answer] = flux("config", "--json").json
    assert answer["projects"] == [
        {"folder": "services/shop", "file": "services/shop/pyproject.toml", "settings": ["app"]},
        {"folder": "services/torn", "file": "services/torn/pyproject.toml", "settings": []},
    ]
    assert flux("config", "nowhere.py").code == 2
