"""What the store knows of revisions: those that died of the same failure, and those that did well."""

from msgspec import Struct

from flux_ls.bisect.journal import Evidence
from flux_ls.git.asking import GitError
from flux_ls.git.repository import Repository
from flux_ls.record.wire import DIRTY
from flux_ls.store.errors import StoreError
from flux_ls.store.reader import Reader
from flux_ls.store.revisions import Seen

_SAMPLES = 3
"""Of one revision, so many requests are asked whether its files were those of the commit."""


class Recorded(Struct, frozen=True):
    """Verdicts that need no run, and revisions that may be good."""

    evidence: tuple[Evidence, ...]
    maybe_good: tuple[str, ...]
    """Where the route did well with another input: a run has to tell. The latest first."""


def recorded(reader: Reader, repository: Repository, request_id: str, fingerprint: str) -> Recorded:
    """A revision whose files were edited proves nothing of its commit, and another input nothing of this one."""
    revisions = reader.revisions()
    found: dict[str, Evidence] = {}
    for commit, seen in _clean(reader, repository, revisions.failed(fingerprint)).items():
        found[commit] = Evidence(commit, "bad", "recorded", f"the same failure in req:{seen.request_id[:8]}")
    good = revisions.good(bytes.fromhex(request_id))
    for commit, seen in _clean(reader, repository, [each for each in good if each.same_input]).items():
        if commit in found:
            # Now this, now that: not for the store to say.
            del found[commit]
        else:
            found[commit] = Evidence(
                commit, "good", "recorded", f"the same input did well in req:{seen.request_id[:8]}"
            )
    maybe = _clean(reader, repository, good)
    return Recorded(tuple(found.values()), tuple(commit for commit in maybe if commit not in found))


def _clean(reader: Reader, repository: Repository, seen: list[Seen]) -> dict[str, Seen]:
    """By commit, the latest request that ran with its files as they are there."""
    found: dict[str, Seen] = {}
    asked: dict[str, int] = {}
    commits: dict[str, str | None] = {}
    for each in seen:
        asked[each.revision] = asked.get(each.revision, 0) + 1
        if asked[each.revision] > _SAMPLES:
            continue
        if each.revision not in commits:
            commits[each.revision] = _commit(repository, each.revision)
        commit = commits[each.revision]
        if commit is not None and commit not in found and not _dirty(reader, each.request_id):
            found[commit] = each
    return found


def _commit(repository: Repository, revision: str) -> str | None:
    try:
        return repository.commit(revision)
    except GitError:
        return None


def _dirty(reader: Reader, request_id: str) -> bool:
    try:
        entry, _ = reader.entry_and(request_id)
    except StoreError:
        return True
    return entry.resource.attributes.get(DIRTY) is True
