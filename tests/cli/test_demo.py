"""`flux demo` where it cannot be played."""

from pathlib import Path

from flux_ls.demo.service import missing_packages

from .conftest import Flux


def test_a_folder_of_somebody_else_is_left_alone(flux: Flux, tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "thesis.txt").write_text("years of work")
    ran = flux("demo", str(folder))
    assert ran.code == (5 if missing_packages() else 2)
    assert ran.err.startswith("flux: ")
    assert [file.name for file in folder.iterdir()] == ["thesis.txt"]


def test_a_folder_that_cannot_be_made_is_named(flux: Flux, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    ran = flux("demo", str(tmp_path / "file" / "demo"))
    assert ran.code == (5 if missing_packages() else 2)
    assert ran.err.startswith("flux: ")
    assert str(tmp_path / "file" / "demo") in ran.err
