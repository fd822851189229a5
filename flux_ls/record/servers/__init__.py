"""What comes in and goes out: HTTP requests, tasks, scripts, tests. One module for each way of serving."""

from flux_ls.record.patches import Patches

_patches = Patches()


def install() -> None:
    """Patches the frameworks that are there, and those that get imported later."""
    from flux_ls.record.servers import celery, django, fastapi, flask, pytest, script, starlette, unittest

    if _patches.active:
        return
    _patches.active = True
    for served_by in (script, flask, starlette, fastapi, django, celery, pytest, unittest):
        served_by.install(_patches)


def uninstall() -> None:
    """The frameworks are as they were."""
    from flux_ls.record.servers import celery, django, flask, handlers, script

    if not _patches.active:
        return
    _patches.restore()
    for served_by in (script, flask, django, celery):
        served_by.uninstall()
    handlers.forget()
