"""`flux config`: the settings in force and where each came from."""

from pathlib import Path

import click

from flux_ls import config
from flux_ls.answers.shapes import to_json
from flux_ls.answers.upkeep import Config, ProjectSettings, SettingShape
from flux_ls.cli.options import Session, command_options
from flux_ls.cli.terminal import Terminal, padded, plain
from flux_ls.config import Below

EPILOG = """\b
A setting has one name everywhere: `store` in [tool.flux] of pyproject.toml, FLUX_STORE in the environment,
flux.store in the editor, --store as a flag. Of these the later ones win.

\b
Examples:
  flux config
  flux config services/shop/app.py      those that hold for this file
  FLUX_PATH_MAP=/srv/app=. flux config --json
"""


@click.command(epilog=EPILOG)
@click.argument("path", required=False, type=click.Path(exists=True, path_type=Path))
@command_options(*(option.name for option in config.OPTIONS))
def command(session: Session, path: Path | None) -> None:
    """Show the settings in force and where each came from.

    Those of the folder that one is in, or for PATH, a file or folder: of several pyproject.toml, the nearest counts.
    """
    here = session.here if path is None else path.absolute() if path.is_dir() else path.absolute().parent
    loaded = session.loaded if path is None else session.load(here)
    values = config.as_dict(loaded.settings)
    answer = Config(
        settings=tuple(SettingShape(name, values[name], origin) for name, origin in loaded.origin.items()),
        warnings=loaded.warnings,
        projects=tuple(_told(each, session.root) for each in session.below if here in each.folder.parents),
    )
    if session.as_json:
        session.terminal.json(to_json(answer))
    else:
        show(session.terminal, answer)


def show(terminal: Terminal, answer: Config) -> None:
    names = max(len(setting.name) for setting in answer.settings)
    values = {setting.name: _shown(setting.value) for setting in answer.settings}
    wide = min(40, max(map(len, values.values())))
    for setting in answer.settings:
        origin = terminal.paint(plain(setting.origin), "dim" if setting.origin == "default" else "mark")
        terminal.say(f"{padded(setting.name, names)}  {padded(values[setting.name], wide)}  {origin}")

    if answer.projects:
        terminal.say()
        terminal.say("Projects below have settings of their own, for what is in them:")
        for project in answer.projects:
            terminal.say(f"  {plain(project.file)}: {', '.join(project.settings) or 'nothing that is usable'}")


def _told(project: Below, root: Path) -> ProjectSettings:
    folder = project.folder.relative_to(root)
    return ProjectSettings(folder.as_posix(), (folder / "pyproject.toml").as_posix(), project.own)


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return plain(", ".join(value)) or "none"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return plain(str(value))
