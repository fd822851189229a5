"""Which rows of the database a request changed, in which columns, and whether that was committed or rolled back.

SQLAlchemy and the Django ORM are watched from the moment they are imported; neither is imported by us.
"""

import sys
from types import ModuleType

from flux_ls.record import settings
from flux_ls.record.patches import Patches
from flux_ls.record.rows import reading

_patches = Patches()


def install(*, read_rows: bool | None = None) -> None:
    """Begins to watch. Without `read_rows` no query is ever made, and what only the database knows stays unknown.

    Not given, the setting `record_row_reads` decides.
    """
    reading.allow(settings.in_force().record_row_reads if read_rows is None else read_rows)
    if _patches.active:
        return
    _patches.active = True
    _patches.when_imported("sqlalchemy", _sqlalchemy)
    _patches.when_imported("sqlalchemy.orm", _sqlalchemy_orm)
    _patches.when_imported("django.db.models.sql.compiler", _django)


def uninstall() -> None:
    """Ends it, and puts back what was replaced."""
    if not _patches.active:
        return
    _patches.restore()
    for name in ("sqlalchemy.hooks", "sqlalchemy.flushing", "django.hooks"):
        listening = sys.modules.get(f"{__name__}.{name}")
        if listening is not None:
            listening.uninstall()


def _sqlalchemy(_: ModuleType) -> None:
    from flux_ls.record.rows.sqlalchemy import hooks

    hooks.install(_patches)


def _sqlalchemy_orm(_: ModuleType) -> None:
    from flux_ls.record.rows.sqlalchemy import flushing

    flushing.install()


def _django(_: ModuleType) -> None:
    from flux_ls.record.rows.django import hooks

    hooks.install(_patches)
