"""`flux completion`: the script that teaches a shell to complete commands, options and request ids."""

import click
from click.shell_completion import get_completion_class

EPILOG = """\b
To have it in every new shell:
  bash  echo 'eval "$(flux completion bash)"' >> ~/.bashrc
  zsh   echo 'eval "$(flux completion zsh)"' >> ~/.zshrc
  fish  flux completion fish > ~/.config/fish/completions/flux.fish
"""


@click.command(epilog=EPILOG)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def command(shell: str) -> None:
    """Print the completion script of a shell."""
    from flux_ls.cli.main import cli

    completion = get_completion_class(shell)
    assert completion is not None, "click completes all of these"
    click.echo(completion(cli, {}, "flux", "_FLUX_COMPLETE").source())
