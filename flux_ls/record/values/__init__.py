"""Values as they were: any object becomes a JSON tree, bounded in time and size, without secrets or side effects."""

from flux_ls.record.redaction.trees import Tree
from flux_ls.record.values.bodies import body, headers, headers_by_name
from flux_ls.record.values.encode import encode, encoded, text_of
from flux_ls.record.values.secret import redacted_value
from flux_ls.record.values.snapshot import snapshot, snapshot_items
from flux_ls.record.values.walk import Captured

__all__ = [
    "Captured",
    "Tree",
    "body",
    "encode",
    "encoded",
    "headers",
    "headers_by_name",
    "redacted_value",
    "snapshot",
    "snapshot_items",
    "text_of",
]
