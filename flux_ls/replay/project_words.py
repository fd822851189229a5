"""A project in words, for those who ask why something is as it is."""

from collections import defaultdict
from collections.abc import Sequence

from flux_ls.answers.shapes import Check
from flux_ls.model import Span
from flux_ls.replay.projects import Projects
from flux_ls.source.workspace import Workspace


def check_project(projects: Projects, spans: Sequence[Span], workspace: Workspace) -> Check | None:
    """Where a request would run again, under which interpreter, and which files say so; None without a folder."""
    project = projects.of(spans, workspace)
    if project is None:
        return None
    by_origin: dict[str, list[str]] = defaultdict(list)
    for name, origin in project.loaded.origin.items():
        if origin != "default":
            by_origin[origin].append(name)
    told = [f"{', '.join(names)} from {origin}" for origin, names in by_origin.items()]
    where = workspace.display_path(project.root)
    folder = str(project.root) if where == "." else where
    return Check("project", True, "; ".join([f"{folder}, run by {project.python}", *told]))
