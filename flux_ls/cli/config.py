"""`flux config`: the settings in force and where each came from."""

import click

from flux_ls import config
from flux_ls.answers.shapes import to_json
from flux_ls.answers.upkeep import Config, SettingShape
from flux_ls.cli.options import Session, command_options
from flux_ls.cli.terminal import Terminal, padded, plain

EPILOG = """\b
A setting has one name everywhere: `store` in [tool.flux] of pyproject.toml, FLUX_STORE in the environment,
flux.store in the editor, --store as a flag. Of these the later ones win.

\b
Examples:
  flux config
  FLUX_PATH_MAP=/srv/app=. flux config --json
"""


@click.command(epilog=EPILOG)
@command_options(*(option.name for option in config.OPTIONS))
def command(session: Session) -> None:
    """Show the settings in force and where each came from."""
    loaded = session.loaded
    values = config.as_dict(loaded.settings)
    answer = Config(
        settings=tuple(SettingShape(name, values[name], origin) for name, origin in loaded.origin.items()),
        warnings=loaded.warnings,
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


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return plain(", ".join(value)) or "none"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return plain(str(value))
