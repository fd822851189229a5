"""The settings: one name for each in pyproject.toml, the environment, the editor and on the command line.

Later layers win: default, `[tool.flux]` of pyproject.toml, `FLUX_*`, the editor's `flux.*`, flags. A value that makes
no sense is left out with a warning that says what is accepted, so a typing error never stops anything.
"""

from flux_ls.config.options import OPTIONS, Option
from flux_ls.config.projects import Below, together, with_settings
from flux_ls.config.settings import Loaded, Settings, as_dict, default_store, load
from flux_ls.config.values import GIB, Place, Rejected, read_size

__all__ = [
    "GIB",
    "OPTIONS",
    "Below",
    "Loaded",
    "Option",
    "Place",
    "Rejected",
    "Settings",
    "as_dict",
    "default_store",
    "load",
    "read_size",
    "together",
    "with_settings",
]
