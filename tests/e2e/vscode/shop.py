"""The shop of the Neovim tests, in a folder that stays open: each test has its files anew, and a store of its own."""

import shutil
from pathlib import Path
from typing import Any

from flux_ls.collector.ingest import Ingest
from tests.e2e.launch import Endpoint
from tests.e2e.neovim import shop as neovim
from tests.telemetry import SpanNode, new_trace_id, traces


class Shop(neovim.Shop):
    """Its telemetry is put into the store by this process: what is asked next is answered from there."""

    def __init__(self, folder: Path, store: Path) -> None:
        folder.mkdir(exist_ok=True)
        for left in folder.iterdir():
            if left.is_dir():
                shutil.rmtree(left)
            else:
                left.unlink()
        super().__init__(folder, Endpoint(0, 0))
        self.store = store

    def send(self, root: SpanNode, trace_id: str = "", **rest: Any) -> str:
        trace_id = trace_id or new_trace_id()
        sink = Ingest(self.store)
        try:
            sink.traces(traces(root, trace_id=trace_id, **rest))
        finally:
            sink.close()
        return trace_id
