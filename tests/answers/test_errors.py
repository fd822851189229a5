"""The issue groups, and whether they still fail."""

import contextlib
import os
import sqlite3

import pytest

from flux_ls.answers.errors import errors
from flux_ls.answers.shapes import Group, ProofShape, timestamp
from flux_ls.answers.why import why
from flux_ls.store.errors import StoreBusy
from flux_ls.store.writer import Writer
from tests.recorded import FAULT_LINE, Recorded
from tests.telemetry import Raises, http, span

HOUR = 3600 * 10**9
T0 = 1_750_000_000 * 10**9


def groups(recorded: Recorded, since_ns: int | None = None) -> list[Group]:
    with recorded.reader() as reader:
        return list(errors(reader, recorded.workspace(), since_ns).groups)


def only_group(recorded: Recorded) -> Group:
    (group,) = groups(recorded)
    return group


def test_failures_of_one_kind_are_one_group(recorded: Recorded) -> None:
    ids = [
        recorded.add(recorded.failing_signup(), at_ns=T0 + at * HOUR, resource={"vcs.ref.head.revision": revision})
        for at, revision in enumerate(("a" * 40, "a" * 40, "b" * 40))
    ]
    group = only_group(recorded)
    assert (group.type, group.message, group.count, group.state) == (
        "TimeoutError",
        "Stripe API timeout",
        3,
        "failing",
    )
    assert group.location is not None
    assert (group.location.path, group.location.line) == ("shop/payments.py", FAULT_LINE)
    assert group.first_seen.startswith("2025-06-15T15:06:40")
    assert group.last_seen.startswith("2025-06-15T17:06:40")
    assert group.first_revision == "a" * 40
    assert group.sample_request_id == ids[2]
    assert group.route == "POST /signup"


def test_the_latest_group_comes_first_and_since_leaves_old_ones_out(recorded: Recorded) -> None:
    recorded.add(recorded.failing_signup(), at_ns=T0)
    file = str(recorded.payments)
    other = Raises("KeyError", "'amount'", ((file, 11, "signup", ""),))
    recorded.add(http("POST", "/signup", 500, raises=other), at_ns=T0 + HOUR)
    assert [group.type for group in groups(recorded)] == ["KeyError", "TimeoutError"]
    assert [group.type for group in groups(recorded, T0 + HOUR)] == ["KeyError"]
    assert groups(recorded, T0 + 2 * HOUR) == []


def test_an_error_that_was_handled_is_a_group_of_its_own_kind(recorded: Recorded) -> None:
    recorded.add(http("GET", "/a", ms=50, children=[span("charge", raises=recorded.timeout())]))
    assert only_group(recorded).state == "handled"


def test_dismissed_and_restored(recorded: Recorded) -> None:
    recorded.add(recorded.failing_signup())
    fingerprint = only_group(recorded).fingerprint
    writer = Writer(recorded.store)
    writer.dismiss(fingerprint)
    assert only_group(recorded).state == "dismissed"
    writer.restore(fingerprint)
    assert only_group(recorded).state == "failing"
    writer.close()


OLD, NEW = "a" * 40, "b" * 40


@pytest.mark.parametrize(
    ("failed_on", "good_on", "good_after", "edited_after", "expected"),
    [
        # A later good run on another commit.
        (OLD, NEW, 2 * HOUR, None, "resolved"),
        # The same code went well once: that mends nothing.
        (OLD, OLD, 2 * HOUR, None, "failing"),
        (None, None, 2 * HOUR, None, "failing"),
        # Edited in between, here.
        (None, None, 2 * HOUR, HOUR, "resolved"),
        (OLD, OLD, 2 * HOUR, HOUR, "resolved"),
        # Edited just after it began, by a clock that is behind.
        (None, None, 2 * HOUR, 2 * HOUR - 4_000_000, "failing"),
        # Edited, but it has not run since.
        (None, None, 2 * HOUR, 3 * HOUR, "failing"),
        # The good run was before the failure.
        (OLD, NEW, -HOUR, None, "failing"),
        (None, None, -HOUR, HOUR, "failing"),
    ],
)
def test_resolved_takes_a_later_good_run_on_newer_code(
    recorded: Recorded,
    failed_on: str | None,
    good_on: str | None,
    good_after: int,
    edited_after: int | None,
    expected: str,
) -> None:
    changed = T0 + (edited_after if edited_after is not None else -10 * HOUR)
    os.utime(recorded.payments, ns=(changed, changed))
    for root, at, revision in (
        (recorded.failing_signup(), T0, failed_on),
        (http("POST", "/signup", route="/signup"), T0 + good_after, good_on),
    ):
        recorded.add(root, at_ns=at, resource={"vcs.ref.head.revision": revision} if revision else None)
    assert only_group(recorded).state == expected


def test_an_edit_here_says_nothing_about_the_same_revision_in_a_container(recorded: Recorded) -> None:
    os.utime(recorded.payments, ns=(T0 + HOUR, T0 + HOUR))
    told = {"vcs.ref.head.revision": OLD}
    recorded.add(recorded.failing_signup(under="/srv/app"), at_ns=T0, resource=told)
    recorded.add(http("POST", "/signup", route="/signup"), at_ns=T0 + 2 * HOUR, resource=told)
    assert only_group(recorded).state == "failing"


def test_a_good_run_of_another_route_mends_nothing(recorded: Recorded) -> None:
    recorded.add(recorded.failing_signup(), at_ns=T0, resource={"vcs.ref.head.revision": OLD})
    recorded.add(http("GET", "/users"), at_ns=T0 + HOUR, resource={"vcs.ref.head.revision": NEW})
    assert only_group(recorded).state == "failing"


def test_a_4xx_answer_mends_nothing(recorded: Recorded) -> None:
    recorded.add(recorded.failing_signup(), at_ns=T0, resource={"vcs.ref.head.revision": OLD})
    recorded.add(
        http("POST", "/signup", 422, route="/signup"), at_ns=T0 + HOUR, resource={"vcs.ref.head.revision": NEW}
    )
    assert only_group(recorded).state == "failing"


def edit(recorded: Recorded, at_ns: int) -> None:
    os.utime(recorded.payments, ns=(at_ns, at_ns))


def mended(recorded: Recorded) -> tuple[str, str]:
    """A failure, an edit, and a good run that shows it mended; the ids of the requests."""
    failed = recorded.add(recorded.failing_signup(), at_ns=T0)
    edit(recorded, T0 + HOUR)
    return failed, recorded.add(http("POST", "/signup", 201, route="/signup"), at_ns=T0 + 2 * HOUR)


def test_the_run_that_proves_it_is_named_and_a_later_edit_does_not_take_it_back(recorded: Recorded) -> None:
    failed, good = mended(recorded)
    proof = ProofShape(good, 201, timestamp(T0 + 2 * HOUR))
    assert (only_group(recorded).state, only_group(recorded).resolved_by) == ("resolved", proof)
    edit(recorded, T0 + 3 * HOUR)
    # Nothing but the store remembers that the code was older once.
    assert (only_group(recorded).state, only_group(recorded).resolved_by) == ("resolved", proof)
    recorded.add(http("POST", "/signup", 200, route="/signup"), at_ns=T0 + 4 * HOUR)
    assert only_group(recorded).resolved_by == proof, "the first proof stays"
    with recorded.reader() as reader:
        group = why(reader, recorded.workspace(), failed).group
    assert group is not None
    assert (group.state, group.resolved_by) == ("resolved", proof)


def test_a_failure_after_the_proof_makes_it_failing_again(recorded: Recorded) -> None:
    _, good = mended(recorded)
    assert only_group(recorded).state == "resolved"
    edit(recorded, T0 + 3 * HOUR)
    failed = recorded.add(recorded.failing_signup(), at_ns=T0 + 5 * HOUR)
    group = only_group(recorded)
    assert (group.state, group.resolved_by, group.count) == ("failing", None, 2)
    recorded.add(http("POST", "/signup", 201, route="/signup"), at_ns=T0 + 6 * HOUR)
    assert only_group(recorded).state == "failing", "the code is no newer than the failure"
    edit(recorded, T0 + 7 * HOUR)
    again = recorded.add(http("POST", "/signup", 201, route="/signup"), at_ns=T0 + 8 * HOUR)
    with recorded.reader() as reader:
        group_of_why = why(reader, recorded.workspace(), failed).group
    assert group_of_why is not None
    assert group_of_why.resolved_by == ProofShape(again, 201, timestamp(T0 + 8 * HOUR))
    assert again != good


def test_why_writes_down_the_proof_as_well(recorded: Recorded) -> None:
    failed, good = mended(recorded)
    for edited_at in (HOUR, 3 * HOUR):
        edit(recorded, T0 + edited_at)
        with recorded.reader() as reader:
            group = why(reader, recorded.workspace(), failed).group
        assert group is not None
        assert group.resolved_by is not None
        assert group.resolved_by.request_id == good


def test_the_proof_outlasts_the_request_that_is_it(recorded: Recorded) -> None:
    failed, good = mended(recorded)
    assert only_group(recorded).state == "resolved"
    connection = sqlite3.connect(recorded.store)
    connection.execute("DELETE FROM request WHERE trace_id = ?", (bytes.fromhex(good),))
    connection.commit()
    connection.close()
    proof = only_group(recorded).resolved_by
    assert proof is not None
    assert proof.request_id == good
    assert only_group(recorded).sample_request_id == failed


def test_dismissed_stays_dismissed_whatever_is_mended(recorded: Recorded) -> None:
    mended(recorded)
    with contextlib.closing(Writer(recorded.store)) as writer:
        writer.dismiss(only_group(recorded).fingerprint)
    assert (only_group(recorded).state, only_group(recorded).resolved_by) == ("dismissed", None)


def test_a_store_that_takes_no_proof_is_answered_from_all_the_same(
    recorded: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    mended(recorded)

    def busy(path: object) -> None:
        raise StoreBusy(recorded.store, "another process is writing to it")

    monkeypatch.setattr("flux_ls.store.writer.Writer", busy)
    assert only_group(recorded).state == "resolved"
    edit(recorded, T0 + 3 * HOUR)
    assert only_group(recorded).state == "failing"
