"""Recorded paths to files of the workspace."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from flux_ls.model import Frame
from flux_ls.source.functions import FunctionIndex
from flux_ls.source.lines import split_lines
from flux_ls.source.paths import Mapped, PathMapper, Unmapped
from flux_ls.source.places import Evidence, Text, evidence
from tests.source.frames import frame

CHARGE = "def charge():\n    raise ValueError\n"
OTHER = "def other():\n    pass\n"


def weigh(path: Path, recorded: Frame) -> Evidence:
    text = path.read_text()
    return evidence(recorded, Text(split_lines(text), FunctionIndex.parse(text) if path.suffix == ".py" else None))


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def write(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


def mapped(mapper: PathMapper, recorded: Frame) -> str | None:
    """The mapped path as it is displayed."""
    answer = mapper.map(recorded)
    return mapper.display_path(answer.path) if isinstance(answer, Mapped) else None


def refused(mapper: PathMapper, recorded: Frame) -> Unmapped:
    answer = mapper.map(recorded)
    assert isinstance(answer, Unmapped)
    assert answer.reason
    return answer


RAISES = "raise ValueError"


@pytest.mark.parametrize(
    ("files", "recorded", "expected"),
    [
        pytest.param({"shop/a.py": CHARGE}, frame("/srv/app/shop/a.py"), "shop/a.py", id="two parts"),
        pytest.param({"a.py": CHARGE}, frame("/srv/app/a.py"), "a.py", id="a file at the root"),
        pytest.param(
            {"a.py": "x = 1"}, frame("/srv/app/a.py", function="<module>"), "a.py", id="module code at the root"
        ),
        pytest.param(
            {"src/a.py": CHARGE}, frame("/srv/a.py"), "src/a.py", id="the only file, and the function is there"
        ),
        pytest.param({"src/a.py": OTHER}, frame("/srv/a.py"), None, id="the only file, without the function"),
        pytest.param(
            {"src/a.py": OTHER}, frame("/srv/a.py", function="<module>"), None, id="the only file, nothing known"
        ),
        pytest.param({"src/a.py": OTHER}, frame("a.py", function="<module>"), "src/a.py", id="recorded as a bare name"),
        pytest.param({"x/a.py": CHARGE, "y/a.py": OTHER}, frame("/srv/a.py"), None, id="two files of a bare name"),
        pytest.param({"x/a.py": CHARGE, "y/a.py": OTHER}, frame("/srv/x/a.py"), "x/a.py", id="the longer ending"),
        pytest.param({"x/a.py": OTHER, "y/a.py": CHARGE}, frame("/srv/x/a.py"), None, id="the longer ending lacks it"),
        pytest.param(
            {"1/x/a.py": CHARGE, "2/x/a.py": OTHER},
            frame("/srv/x/a.py"),
            "1/x/a.py",
            id="one of two holds the function",
        ),
        pytest.param({"1/x/a.py": CHARGE, "2/x/a.py": CHARGE}, frame("/srv/x/a.py"), None, id="two equal files"),
        pytest.param(
            {"1/x/a.py": CHARGE, "2/x/a.py": "def charge():\n    pass"},
            frame("/srv/x/a.py", 2, source=RAISES),
            "1/x/a.py",
            id="the recorded text tells them apart",
        ),
        pytest.param(
            {"1/x/a.py": CHARGE, "2/x/a.py": "\n\n" + CHARGE},
            frame("/srv/x/a.py", 2, source=RAISES),
            "1/x/a.py",
            id="the recorded text at the recorded line tells them apart",
        ),
        pytest.param(
            {"1/x/a.py": CHARGE, "2/x/a.py": "\n\n\n" + CHARGE},
            frame("/srv/x/a.py", 2, source="return 1"),
            None,
            id="the recorded text is in neither",
        ),
        pytest.param(
            {"1/x/a.py": CHARGE, "2/x/a.py": "\n\n\n" + CHARGE},
            frame("/srv/x/a.py", 2),
            "1/x/a.py",
            id="without text the function at that line tells them apart",
        ),
        pytest.param({"shop/a.py": CHARGE}, frame("C:\\App\\Shop\\A.py"), "shop/a.py", id="a Windows path"),
        pytest.param({"shop/a.py": CHARGE}, frame("/srv/Shop/A.py"), None, id="letters have a case elsewhere"),
        pytest.param({"shop/a.py": CHARGE}, frame("/srv/app/shop/a.py", in_app=False), None, id="library code"),
        pytest.param({"node_modules/x/a.py": CHARGE}, frame("/srv/x/a.py"), None, id="an installed package"),
        pytest.param({".venv/x/a.py": CHARGE}, frame("/srv/x/a.py"), None, id="a dot folder"),
        pytest.param(
            {"env/pyvenv.cfg": "", "env/x/a.py": CHARGE}, frame("/srv/x/a.py"), None, id="a virtual environment"
        ),
        pytest.param(
            {"build/lib/x/a.py": CHARGE, "x/a.py": CHARGE}, frame("/srv/x/a.py"), "x/a.py", id="a build output"
        ),
        pytest.param(
            {"build/__init__.py": "", "build/a.py": CHARGE},
            frame("/srv/build/a.py"),
            "build/a.py",
            id="a package called build",
        ),
        pytest.param(
            {"src/x.js": "f()"}, frame("file:///app/src/x.js", language="javascript"), "src/x.js", id="a file URL"
        ),
        pytest.param(
            {"src/x.ts": "f()"}, frame("webpack:///./src/x.ts", language="javascript"), "src/x.ts", id="webpack"
        ),
        pytest.param(
            {"server.js": "f()"}, frame("/app/server.js", language="javascript"), "server.js", id="script at root"
        ),
        pytest.param({"src/x.js": "f()"}, frame("/app/x.js", language="javascript"), None, id="script by name alone"),
        pytest.param({"src/x.js": "f()"}, frame("/app/src/x.js", 9, language="javascript"), None, id="a line too far"),
        pytest.param(
            {"bin/www": "f()"}, frame("/app/bin/www", language="javascript"), "bin/www", id="without a suffix"
        ),
        pytest.param(
            {"src/main/java/com/acme/Foo.java": "x"},
            frame("com/acme/Foo.java", language="java"),
            "src/main/java/com/acme/Foo.java",
            id="Java by its package",
        ),
        pytest.param(
            {"src/com/other/Foo.java": "x"}, frame("com/acme/Foo.java", language="java"), None, id="Java elsewhere"
        ),
        pytest.param({"a.py": CHARGE}, frame("<string>"), None, id="no file"),
        pytest.param({"a.py": CHARGE}, frame(""), None, id="nothing"),
        pytest.param({"a.py": CHARGE}, frame("/" + "x/" * 3000 + "a.py"), "a.py", id="longer than a path can be"),
    ],
)
def test_by_ending(tmp_path: Path, files: dict[str, str], recorded: Frame, expected: str | None) -> None:
    write(tmp_path, files)
    assert mapped(PathMapper([tmp_path], (), weigh), recorded) == expected


MAIN = "def main():\n    return serve(app)\n"


def main(path: str) -> Frame:
    return frame(path, 2, "main", "return serve(app)")


@pytest.mark.parametrize(
    ("files", "recorded", "expected"),
    [
        pytest.param(
            {"a/app/main.py": MAIN, "b/app/main.py": OTHER}, main("/srv/app/main.py"), "a/app/main.py", id="one fits"
        ),
        pytest.param({"a/app/main.py": MAIN, "b/app/main.py": MAIN}, main("/srv/app/main.py"), None, id="both fit"),
        pytest.param(
            {"services/a/app/main.py": MAIN, "services/b/app/main.py": MAIN},
            main("/workspace/services/a/app/main.py"),
            "services/a/app/main.py",
            id="the container has the whole repository",
        ),
        pytest.param({"a/main.py": MAIN, "b/main.py": OTHER}, main("/app/main.py"), "a/main.py", id="its line tells"),
        pytest.param({"a/main.py": MAIN, "b/main.py": "\n" + MAIN}, main("/app/main.py"), None, id="two have its line"),
        pytest.param({"a/main.py": "\n" + MAIN, "b/main.py": OTHER}, main("/app/main.py"), None, id="at another line"),
        pytest.param(
            {"a/x.py": "def f():\n    f(1)\n", "b/x.py": OTHER},
            frame("/app/x.py", 2, "f", "f(1)"),
            None,
            id="a line that says little",
        ),
        pytest.param(
            {"a/x.py": "serve(application)\n", "b/x.py": OTHER},
            frame("/app/x.py", 1, "<module>", "serve(application)"),
            None,
            id="a line outside of functions",
        ),
        pytest.param({"handler.py": MAIN}, main("/var/task/handler.py"), "handler.py", id="Lambda, at the root"),
        pytest.param({"functions/pay/handler.py": MAIN}, main("/var/task/handler.py"), "functions/pay/handler.py"),
        pytest.param({"src/shop/x.py": MAIN}, main("/usr/lib/python3/site-packages/shop/x.py"), "src/shop/x.py"),
        pytest.param({"src/shop/x.py": MAIN}, main("/usr/lib/python3/dist-packages/shop/x.py"), "src/shop/x.py"),
        pytest.param({"src/shop/x.py": MAIN}, main("/app/shop/x.py"), "src/shop/x.py", id="a src layout"),
        pytest.param({"shop/x.py": MAIN}, main("/app/src/shop/x.py"), "shop/x.py", id="a src layout only there"),
        pytest.param({"shop/x.py": MAIN}, main("C:\\Code\\Shop\\X.PY"), "shop/x.py", id="a Windows drive"),
        pytest.param({"shop/x.py": MAIN}, main("\\\\?\\C:\\Code\\shop\\x.py"), "shop/x.py", id="a long Windows path"),
        pytest.param({"shop/x.py": MAIN}, main("\\\\nas\\code\\shop\\x.py"), "shop/x.py", id="a Windows share"),
        pytest.param({"shop/x.py": MAIN}, main("/Users/ada/Shop/X.py"), "shop/x.py", id="a Mac"),
        pytest.param(
            {"shop/x.py": MAIN, "Shop/x.py": MAIN}, main("/Users/ada/Shop/x.py"), "Shop/x.py", id="as it is spelled"
        ),
        pytest.param({"shop/x.py": MAIN, "Shop/x.py": MAIN}, main("/Users/ada/SHOP/x.py"), None, id="as neither is"),
        pytest.param({"shop/x.py": MAIN}, main("file:///srv/shop/x.py"), "shop/x.py", id="a URL"),
        pytest.param({"shop/x.py": MAIN}, main("file://host/srv/shop/x.py"), "shop/x.py", id="a URL with a host"),
        pytest.param({"app.py": MAIN}, main("./app.py"), "app.py", id="relative with a dot"),
        pytest.param({"app.py": MAIN}, main("app.py"), "app.py", id="relative"),
        pytest.param({"a/app.py": MAIN, "b/app.py": OTHER}, main("app.py"), "a/app.py", id="relative to a service"),
        pytest.param({"a/app.py": MAIN, "b/app.py": MAIN}, main("./app.py"), None, id="relative to which service"),
        pytest.param({"shop/x.py": MAIN}, main("/srv/app.pyz/shop/x.py"), "shop/x.py", id="inside a zip archive"),
        pytest.param({"__main__.py": MAIN}, main("/srv/app.pyz/__main__.py"), "__main__.py", id="its start"),
        pytest.param({"my shop/x y.py": MAIN}, main("/srv/my shop/x y.py"), "my shop/x y.py", id="spaces"),
        pytest.param({"my shop/x.py": MAIN}, main("file:///srv/my%20shop/x.py"), "my shop/x.py", id="spaces in a URL"),
        pytest.param({"bäckerei/straße.py": MAIN}, main("/srv/bäckerei/straße.py"), "bäckerei/straße.py"),
        pytest.param(
            {"b\u00e4ckerei/caf\u00e9.py": MAIN},
            main("/Users/ada/ba\u0308ckerei/cafe\u0301.py"),
            "b\u00e4ckerei/caf\u00e9.py",
            id="letters as a Mac spells them",
        ),
    ],
)
def test_repositories_of_many_kinds(
    tmp_path: Path, files: dict[str, str], recorded: Frame, expected: str | None
) -> None:
    write(tmp_path, files)
    assert mapped(PathMapper([tmp_path], (), weigh), recorded) == expected


def test_an_installation_of_the_workspace_is_the_workspace(tmp_path: Path) -> None:
    installed = "lib/python3.12/site-packages/shop/x.py"
    write(tmp_path, {"ws/src/shop/x.py": MAIN, f"ws/.venv/{installed}": MAIN, f"venv/{installed}": MAIN})
    mapper = PathMapper([tmp_path / "ws"], (), weigh)
    for folder in ("ws/.venv", "venv"):
        assert mapped(mapper, main(str(tmp_path / folder / installed))) == "src/shop/x.py"
    pair = PathMapper([tmp_path / "ws"], [f"{tmp_path}/venv=.venv"], weigh)
    assert mapped(pair, main(str(tmp_path / "venv" / installed))) == f".venv/{installed}"


@pytest.mark.parametrize(
    ("source", "in_app", "path"),
    [
        ("src/shop/x.py", False, "shop/x.py"),
        ("src/other/x.py", True, "shop/x.py"),
        ("src/shop.py", True, "shop/__init__.py"),
    ],
)
def test_an_installed_package_of_others_is_no_code_of_the_workspace(
    tmp_path: Path, source: str, in_app: bool, path: str
) -> None:
    write(tmp_path, {f"ws/{source}": MAIN, f"ws/.venv/site-packages/{path}": MAIN, f"venv/site-packages/{path}": MAIN})
    mapper = PathMapper([tmp_path / "ws"], (), weigh)
    here = frame(f"{tmp_path}/ws/.venv/site-packages/{path}", 2, "main", "return serve(app)", in_app=in_app)
    assert mapped(mapper, here) == f".venv/site-packages/{path}"
    assert mapped(mapper, replace(here, path=f"{tmp_path}/venv/site-packages/{path}")) is None


def test_an_installation_of_other_code_than_the_workspace_has_is_itself(tmp_path: Path) -> None:
    write(tmp_path, {"src/shop/x.py": OTHER, ".venv/site-packages/shop/x.py": MAIN})
    recorded = main(f"{tmp_path}/.venv/site-packages/shop/x.py")
    assert mapped(PathMapper([tmp_path], (), weigh), recorded) == ".venv/site-packages/shop/x.py"


def test_roots_inside_each_other_are_searched_once(tmp_path: Path) -> None:
    write(tmp_path, {"services/a/main.py": MAIN, "services/b/main.py": OTHER})
    for roots in (["", "services/a"], ["services/a", ""], ["services/a", "services/b", ""]):
        mapper = PathMapper([tmp_path / root for root in roots], (), weigh)
        assert mapper.map(main("/srv/services/a/main.py")) == Mapped(tmp_path / "services/a/main.py")
        assert mapped(mapper, main("/srv/services/a/main.py")) == "main.py"


def test_a_repository_that_is_opened_twice_is_told_apart_by_exact_paths_alone(tmp_path: Path) -> None:
    write(tmp_path, {"one/shop/x.py": MAIN, "two/shop/x.py": MAIN})
    mapper = PathMapper([tmp_path / "one", tmp_path / "two"], (), weigh)
    assert len(refused(mapper, main("/app/shop/x.py")).candidates) == 2
    assert mapper.map(main(str(tmp_path / "two/shop/x.py"))) == Mapped(tmp_path / "two/shop/x.py")


def test_a_folder_that_is_mounted_twice(tmp_path: Path) -> None:
    write(tmp_path, {"ws/shop/x.py": MAIN, "ws/b/y.py": MAIN, "ws/c/y.py": MAIN})
    for name in ("shop/x.py", "b/y.py"):
        (tmp_path / "mount" / name).parent.mkdir(parents=True)
        (tmp_path / "mount" / name).hardlink_to(tmp_path / "ws" / name)
    mapper = PathMapper([tmp_path / "ws"], (), weigh)
    assert mapped(mapper, main(str(tmp_path / "mount/shop/x.py"))) == "shop/x.py"
    assert mapped(mapper, main(str(tmp_path / "mount/b/y.py"))) == "b/y.py"


def test_equal_files_are_named(tmp_path: Path) -> None:
    write(tmp_path, {"1/x/a.py": CHARGE, "2/x/a.py": CHARGE})
    answer = refused(PathMapper([tmp_path], (), weigh), frame("/srv/x/a.py"))
    assert set(answer.candidates) == {tmp_path / "1/x/a.py", tmp_path / "2/x/a.py"}


def test_equal_endings_in_two_roots(tmp_path: Path) -> None:
    write(tmp_path, {"one/x/a.py": CHARGE, "two/x/a.py": CHARGE})
    mapper = PathMapper([tmp_path / "one", tmp_path / "two"], (), weigh)
    assert len(refused(mapper, frame("/srv/x/a.py")).candidates) == 2
    assert mapped(mapper, frame(str(tmp_path / "two/x/a.py"))) == "x/a.py"
    assert mapped(PathMapper([tmp_path, tmp_path / "one"], (), weigh), frame("/srv/one/x/a.py")) == "x/a.py"


def test_exact_paths(tmp_path: Path) -> None:
    write(tmp_path, {"ws/x/a.py": OTHER, "ws/.venv/lib.py": "", "elsewhere/x/a.py": CHARGE})
    mapper = PathMapper([tmp_path / "ws"], (), weigh)
    assert mapped(mapper, frame(str(tmp_path / "ws/x/a.py"))) == "x/a.py"
    assert mapped(mapper, frame(str(tmp_path / "ws/.venv/lib.py"), in_app=False)) == ".venv/lib.py"
    assert mapped(mapper, frame(f"{tmp_path}/ws/nowhere/../x/a.py")) == "x/a.py"
    assert mapped(mapper, frame((tmp_path / "ws/x/a.py").as_uri())) == "x/a.py"


def test_a_file_that_exists_elsewhere_is_not_another_of_the_same_name(tmp_path: Path) -> None:
    write(tmp_path, {"ws/x/a.py": CHARGE, "elsewhere/x/a.py": CHARGE})
    mapper = PathMapper([tmp_path / "ws"], (), weigh)
    assert "outside the workspace" in refused(mapper, frame(str(tmp_path / "elsewhere/x/a.py"))).reason
    (tmp_path / "elsewhere/x/a.py").unlink()
    assert mapped(mapper, frame(str(tmp_path / "elsewhere/x/a.py"))) == "x/a.py"


def test_a_file_that_left_the_workspace_is_not_another_of_the_same_name(tmp_path: Path) -> None:
    write(tmp_path, {"one/x/a.py": CHARGE})
    assert "any more" in refused(PathMapper([tmp_path], (), weigh), frame(str(tmp_path / "two/x/a.py"))).reason


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    (tmp_path / "a.py").mkdir()
    refused(PathMapper([tmp_path], (), weigh), frame(str(tmp_path / "a.py")))
    refused(PathMapper([tmp_path], (), weigh), frame("/srv/a.py"))


@pytest.mark.parametrize(
    ("pairs", "path", "expected"),
    [
        (["/srv/app=."], "/srv/app/x/a.py", "x/a.py"),
        (["/srv/app/=./x"], "/srv/app/a.py", "x/a.py"),
        (["/srv=y", "/srv/app=x"], "/srv/app/a.py", "x/a.py"),
        (["/srv/app=x", "/srv=y"], "/srv/a.py", "y/a.py"),
        (["/srv/app=x"], "/srv/application/y/a.py", "y/a.py"),
        (["/=y"], "/a.py", "y/a.py"),
        (["C:\\App=x"], "c:\\app\\a.py", "x/a.py"),
        (["C:/App=x"], "C:\\app\\a.py", "x/a.py"),
        (["file:///app=x"], "file:///app/a.py", "x/a.py"),
        (["app=x"], "app/a.py", "x/a.py"),
        (["nonsense", "=x", "/srv=", "/srv=x"], "/srv/a.py", "x/a.py"),
        (["/srv/app=x"], "/srv/app/nowhere/a.py", None),
        (["/srv/app=nowhere"], "/srv/app/x/a.py", None),
        (["/srv/app=x"], "/srv/app/../app/../../etc/passwd", None),
        (["/srv/app=.."], "/srv/app/secret.py", None),
    ],
)
def test_by_pair(tmp_path: Path, pairs: list[str], path: str, expected: str | None) -> None:
    write(tmp_path, {"ws/x/a.py": CHARGE, "ws/y/a.py": CHARGE, "secret.py": CHARGE})
    assert mapped(PathMapper([tmp_path / "ws"], pairs, weigh), frame(path)) == expected


def test_a_pair_may_lead_to_a_folder_beside_the_workspace(tmp_path: Path) -> None:
    write(tmp_path, {"ws/x.py": CHARGE, "lib/a.py": CHARGE, "secret.py": CHARGE})
    mapper = PathMapper([tmp_path / "ws"], [f"/srv/lib={tmp_path / 'lib'}"], weigh)
    assert mapped(mapper, frame("/srv/lib/a.py")) == str(tmp_path / "lib/a.py")
    assert mapped(mapper, frame(str(tmp_path / "lib/a.py"))) == str(tmp_path / "lib/a.py")
    assert mapped(mapper, frame("/srv/lib/../secret.py")) is None


def test_a_pair_that_fits_in_two_roots(tmp_path: Path) -> None:
    write(tmp_path, {"one/a.py": CHARGE, "two/a.py": CHARGE, "two/b.py": CHARGE})
    mapper = PathMapper([tmp_path / "one", tmp_path / "two"], ["/srv=."], weigh)
    assert len(refused(mapper, frame("/srv/a.py")).candidates) == 2
    assert mapped(mapper, frame("/srv/b.py")) == "b.py"


needs_links = pytest.mark.skipif(os.name == "nt", reason="needs symbolic links")


@needs_links
def test_links_out_of_the_workspace(tmp_path: Path) -> None:
    write(tmp_path, {"ws/b.py": OTHER, "out/x/a.py": CHARGE})
    (tmp_path / "ws/x").symlink_to(tmp_path / "out/x")
    (tmp_path / "ws/single.py").symlink_to(tmp_path / "out/x/a.py")
    mapper = PathMapper([tmp_path / "ws"], ["/pair=."], weigh)
    for path in ("ws/x/a.py", "ws/single.py"):
        assert "leads out" in refused(mapper, frame(str(tmp_path / path))).reason
    for path in ("/srv/x/a.py", "/srv/single.py", "/pair/x/a.py", "/pair/single.py"):
        refused(mapper, frame(path))


@needs_links
def test_a_linked_root_keeps_its_spelling(tmp_path: Path) -> None:
    write(tmp_path, {"real/x/a.py": CHARGE})
    (tmp_path / "link").symlink_to(tmp_path / "real")
    mapper = PathMapper([tmp_path / "link"], (), weigh)
    for path in (str(tmp_path / "real/x/a.py"), str(tmp_path / "link/x/a.py"), "/srv/x/a.py"):
        assert mapper.map(frame(path)) == Mapped(tmp_path / "link/x/a.py")
    both = PathMapper([tmp_path / "link", tmp_path / "real"], (), weigh)
    assert mapped(both, frame("/srv/x/a.py")) == "x/a.py"


@needs_links
def test_links_inside_the_workspace_do_not_double_files(tmp_path: Path) -> None:
    write(tmp_path, {"x/a.py": CHARGE})
    (tmp_path / "y").symlink_to(tmp_path / "x")
    (tmp_path / "x" / "loop").symlink_to(tmp_path)
    assert mapped(PathMapper([tmp_path], (), weigh), frame("/srv/x/a.py")) == "x/a.py"
    assert mapped(PathMapper([tmp_path], (), weigh), frame(str(tmp_path / "y/a.py"))) == "y/a.py"


@needs_links
def test_a_link_is_one_more_name_of_its_file(tmp_path: Path) -> None:
    write(tmp_path, {"x/a.py": CHARGE})
    (tmp_path / "y").mkdir()
    (tmp_path / "y/a.py").symlink_to(tmp_path / "x/a.py")
    (tmp_path / "y/b.py").symlink_to(tmp_path / "x/a.py")
    mapper = PathMapper([tmp_path], (), weigh)
    assert mapped(mapper, frame("/srv/y/b.py")) == "y/b.py"
    assert mapped(mapper, frame("/srv/x/a.py")) == "x/a.py"
    assert mapped(mapper, frame("/srv/a.py")) == "x/a.py", "two names of one file are no two files"


@needs_links
def test_pipes_are_not_opened(tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()
    os.mkfifo(tmp_path / "x/a.py")
    mapper = PathMapper([tmp_path], ["/pair=."], weigh)
    for path in (str(tmp_path / "x/a.py"), "/srv/x/a.py", "/pair/x/a.py"):
        refused(mapper, frame(path))


def test_new_files_are_noticed_in_time(tmp_path: Path) -> None:
    clock = Clock()
    mapper = PathMapper([tmp_path], (), weigh, clock)
    refused(mapper, frame("/srv/x/a.py"))
    write(tmp_path, {"x/a.py": CHARGE})
    refused(mapper, frame("/srv/x/a.py"))
    clock.now += 3
    assert mapped(mapper, frame("/srv/x/a.py")) == "x/a.py"
    (tmp_path / "x/a.py").rename(tmp_path / "x/b.py")
    refused(mapper, frame("/srv/x/a.py"))
    clock.now += 3
    assert mapped(mapper, frame("/srv/x/b.py")) == "x/b.py"


def test_forgotten_files_are_noticed_at_once(tmp_path: Path) -> None:
    mapper = PathMapper([tmp_path], (), weigh, Clock())
    write(tmp_path, {"x/a.py": CHARGE})
    assert mapped(mapper, frame("/srv/x/a.py")) == "x/a.py"
    write(tmp_path, {"y/x/a.py": CHARGE})
    mapper.forget(tmp_path / "y/x/a.py")
    refused(mapper, frame("/srv/x/a.py"))
    (tmp_path / "x/a.py").unlink()
    mapper.forget(tmp_path / "x/a.py")
    assert mapped(mapper, frame("/srv/x/a.py")) == "y/x/a.py"


def test_the_tree_is_walked_once_for_many_hits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, {f"x{number}/a.py": CHARGE for number in range(20)})
    walked: list[str] = []
    scandir: Callable[..., object] = os.scandir
    monkeypatch.setattr(os, "scandir", lambda path: walked.append(str(path)) or scandir(path))
    mapper = PathMapper([tmp_path], (), weigh, Clock())
    for _ in range(3):
        for number in range(20):
            assert mapped(mapper, frame(f"/srv/x{number}/a.py")) == f"x{number}/a.py"
    assert len(walked) == 21
    refused(mapper, frame("/srv/nowhere.py"))
    refused(mapper, frame("/srv/nowhere.py"))
    assert len(walked) == 21


@pytest.fixture(scope="module")
def jail(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("jail")
    write(folder, {"ws/x/a.py": CHARGE, "ws/a.py": CHARGE, "a.py": CHARGE, "x/a.py": CHARGE, "secret/a.py": CHARGE})
    if os.name != "nt":
        (folder / "ws/out").symlink_to(folder / "secret")
    return folder


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    parts=st.lists(
        st.sampled_from(["..", ".", "x", "a.py", "out", "ws", "secret", "C:", "%2e%2e", "/", "\\", "~"]), max_size=8
    ),
    start=st.sampled_from(
        ["", "/", "/pair/", "JAIL/", "JAIL/ws/", "file:///", "file://JAIL/ws/", "\\\\", "webpack:///"]
    ),
    separator=st.sampled_from(["/", "\\"]),
)
def test_no_trace_leads_out_of_the_workspace(jail: Path, parts: list[str], start: str, separator: str) -> None:
    path = start.replace("JAIL", str(jail)) + separator.join(parts)
    answer = PathMapper([jail / "ws"], ["/pair=.", "x=x"], weigh).map(frame(path))
    if isinstance(answer, Mapped):
        assert answer.path.resolve().is_relative_to((jail / "ws").resolve())


@pytest.mark.parametrize("limit", ["_MAX_FILES", "_MAX_ENTRIES"])
def test_a_name_is_not_called_unique_in_a_tree_that_was_not_walked_to_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str
) -> None:
    write(tmp_path, {"a/x/m.py": CHARGE, "b/y.py": OTHER, "c/z.py": OTHER, "c/deep/deeper/w.py": OTHER})
    assert mapped(PathMapper([tmp_path], (), weigh), frame("/srv/x/m.py")) == "a/x/m.py"
    monkeypatch.setattr(f"flux_ls.source.file_index.{limit}", 2 if limit == "_MAX_FILES" else 8)
    mapper = PathMapper([tmp_path], (), weigh)
    refused(mapper, frame("/srv/x/m.py"))
    assert mapped(mapper, frame(str(tmp_path / "a/x/m.py"))) == "a/x/m.py"


def test_a_walk_that_took_long_is_not_repeated_soon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, {"x/a.py": OTHER})
    times = iter([0.0, 2.0, 30.0, 41.9, 42.0, 42.0, 44.0])
    mapper = PathMapper([tmp_path], (), weigh, lambda: next(times))
    refused(mapper, frame("/srv/x/b.py"))
    write(tmp_path, {"x/b.py": CHARGE})
    refused(mapper, frame("/srv/x/b.py"))
    assert mapped(mapper, frame("/srv/x/b.py")) == "x/b.py"


def test_containers_of_two_projects_may_call_their_folders_the_same(tmp_path: Path) -> None:
    write(tmp_path, {"shop/pay.py": CHARGE, "shop/app.py": CHARGE, "gate/app.py": OTHER, "gate/same.py": CHARGE})
    write(tmp_path, {"shop/same.py": CHARGE})
    pairs = [f"/app={tmp_path / name}" for name in ("gate", "shop")]
    mapper = PathMapper([tmp_path], pairs, weigh)
    assert mapped(mapper, frame("/app/pay.py", 2, "charge", RAISES)) == "shop/pay.py", "only one has the file"
    assert mapped(mapper, frame("/app/app.py", 2, "charge", RAISES)) == "shop/app.py", "only one has the function"
    assert (
        f"'{pairs[0]}' and '{pairs[1]}' leads to 2 files"
        in refused(mapper, frame("/app/same.py", 2, "charge", RAISES)).reason
    )
    assert "does not exist" in refused(mapper, frame("/app/none.py", 2, "charge", RAISES)).reason
    # A longer prefix is another folder.
    inner = PathMapper([tmp_path], [f"/app={tmp_path / 'shop'}", f"/app/in={tmp_path / 'gate'}"], weigh)
    assert mapped(inner, frame("/app/in/same.py", 2, "charge", RAISES)) == "gate/same.py"
