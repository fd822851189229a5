"""The answers as Markdown documents: what `flux:` addresses show, and what commands return as `text`."""

from flux_ls.lsp.pages.diff import diff
from flux_ls.lsp.pages.general import dismissal, doctor, errors, status, tail
from flux_ls.lsp.pages.requests import debug, explain, trace, why
from flux_ls.lsp.pages.runs import bisect, replay, written_test
from flux_ls.lsp.pages.states import blame, history

__all__ = [
    "bisect",
    "blame",
    "debug",
    "diff",
    "dismissal",
    "doctor",
    "errors",
    "explain",
    "history",
    "replay",
    "status",
    "tail",
    "trace",
    "why",
    "written_test",
]
