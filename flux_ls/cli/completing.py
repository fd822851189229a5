"""Shell completion of what only the store knows: the ids of recent requests."""

import os
from pathlib import Path

import click
from click.shell_completion import CompletionItem

_OFFERED = 20


def complete_id(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Recent requests that failed, then others; nothing at all rather than an error."""
    from flux_ls import config
    from flux_ls.answers.shapes import request_shape
    from flux_ls.cli.options import project_root
    from flux_ls.cli.requests import method_and_name
    from flux_ls.store.errors import StoreError
    from flux_ls.store.reader import Reader

    flags = {"store": ctx.params.get("store")}
    here = Path.cwd()
    settings = config.load(project_root(here), os.environ, flags=flags, inside=here).settings
    mark = "req:" if incomplete.startswith("req:") else ""
    typed = incomplete.removeprefix("req:").lower()
    try:
        with Reader(settings.store) as reader:
            recent = list(reader.requests(limit=500, newest_first=True))
    except StoreError:
        return []
    fitting = [request for request in recent if request.id.startswith(typed)]
    fitting.sort(key=lambda request: not request.failed)
    return [
        CompletionItem(
            mark + (request.short_id if len(typed) <= 8 else request.id),
            help=" ".join((*method_and_name(request_shape(request)), request.error or "")).strip(),
        )
        for request in fitting[:_OFFERED]
    ]
