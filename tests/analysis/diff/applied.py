"""The oracle for differences of values: put into the value before, they make the value after."""

import copy
from collections.abc import Iterable
from typing import Any

from flux_ls.analysis.diff.paths import Path
from flux_ls.analysis.diff.values import Change

_NONE = object()


def applied(before: Any, changes: Iterable[Change]) -> Any:
    """Nothing but what the changes say is used, least of all their order."""
    changes = list(changes)
    return _applied(copy.deepcopy(before), (), (), changes)


def _applied(value: Any, was: Path, path: Path, changes: list[Change]) -> Any:
    """The value that stood at `was` and stands at `path`."""
    whole = [change for change in changes if change.change == "changed" and change.path == path]
    if whole:
        (change,) = whole
        assert change.before_path == was
        assert change.before == value
        return change.after
    if isinstance(value, dict):
        return _object(value, was, path, changes)
    return _list(value, was, path, changes) if isinstance(value, list) else value


def _object(value: dict[str, Any], was: Path, path: Path, changes: list[Change]) -> dict[str, Any]:
    gone = {change.path[-1] for change in changes if change.change == "removed" and change.path[:-1] == was}
    new = {change.path[-1]: change.after for change in changes if change.change == "added" and change.path[:-1] == path}
    kept = {key: _applied(inner, (*was, key), (*path, key), changes) for key, inner in value.items() if key not in gone}
    assert not kept.keys() & new.keys()
    return kept | new


def _list(value: list[Any], was: Path, path: Path, changes: list[Change]) -> list[Any]:
    gone = {change.path[-1] for change in changes if change.change == "removed" and change.path[:-1] == was}
    new = {change.path[-1]: change.after for change in changes if change.change == "added" and change.path[:-1] == path}
    moved = {change.before: change.after for change in changes if change.change == "moved" and change.path[:-1] == path}
    result: list[Any] = [_NONE] * (len(value) - len(gone) + len(new))
    for at, item in new.items():
        result[at] = item
    for source, at in moved.items():
        assert result[at] is _NONE
        result[at] = _applied(value[source], (*was, source), (*path, at), changes)
    free = iter([at for at, item in enumerate(result) if item is _NONE])
    for source, item in enumerate(value):
        if source not in gone and source not in moved:
            at = next(free)
            result[at] = _applied(item, (*was, source), (*path, at), changes)
    assert not any(item is _NONE for item in result)
    return result
