"""Values as they were: any object becomes a JSON tree, bounded in time and size, without secrets or side effects."""

from flux_ls.record.values.bodies import body, headers
from flux_ls.record.values.encode import encode
from flux_ls.record.values.snapshot import Captured, Tree, snapshot, snapshot_items

__all__ = ["Captured", "Tree", "body", "encode", "headers", "snapshot", "snapshot_items"]
