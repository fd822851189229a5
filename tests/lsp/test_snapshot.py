"""What a file shows of its issues: one finding for each group and line."""

import pytest

from flux_ls.lsp.snapshot import Finding, Place, merged
from flux_ls.model import Failure, Frame, Issue, LocatedFrame

URI = "file:///shop/payments.py"


def finding(
    id: int, line: int = 8, *, group: str = "f", handled: bool = False, count: int = 1, seen: int = 0
) -> Finding:
    frame = Frame("/srv/shop/payments.py", line, "charge", in_app=True)
    failure = Failure(group, "KeyError", "'CHF'", "1", "POST", handled, frame, None, (frame,), (), 0)
    issue = Issue(id, failure, None, count, seen, seen, None, None, "0" * 32, dismissed=False)
    located = LocatedFrame(frame, "exact", "/shop/payments.py", "payments.py", line, 5, 20, "charge", 7)
    return Finding(issue, "handled" if handled else "failing", False, Place(located, URI, ""), (), None)


@pytest.mark.parametrize(
    ("findings", "shown"),
    [
        ([finding(1)], [(1, False, 1)]),
        ([finding(1), finding(2, line=9)], [(1, False, 1), (2, False, 1)]),
        ([finding(1), finding(2, group="g")], [(1, False, 1), (2, False, 1)]),
        # Recorded under several numbers: the latest stands for all.
        ([finding(1, count=2, seen=1), finding(2, count=3, seen=2)], [(2, False, 5)]),
        # It fails, and was handled at other times.
        ([finding(1), finding(2, handled=True)], [(1, False, 1)]),
        ([finding(2, handled=True), finding(1)], [(1, False, 1)]),
        ([finding(1), finding(2, handled=True, line=9)], [(1, False, 1), (2, True, 1)]),
        ([finding(1), finding(2, handled=True, group="g")], [(1, False, 1), (2, True, 1)]),
    ],
)
def test_one_for_each_group_and_line(findings: list[Finding], shown: list[tuple[int, bool, int]]) -> None:
    told = [(one.issue.id, one.issue.failure.handled, one.issue.count) for one in merged(findings)]
    assert sorted(told) == shown
