"""The text beside an answer's data: its first line says most."""

import pytest

from flux_ls.mcp.summaries import summary

REQUEST = {"short_id": "550e8400", "name": "POST /x", "status": 200, "failed": False, "error": None, "service": "shop"}


@pytest.mark.parametrize(
    ("verdict", "given", "first"),
    [
        ("FIXED", [], "FIXED: Fix verified: 500 became 200."),
        ("FIXED", ["input.body.people"], "No fix is proven: the input differs."),
        ("REGRESSED", ["input.body.people"], "REGRESSED: 200 became 500."),
    ],
)
def test_a_difference(verdict: str, given: list[str], first: str) -> None:
    words = first.removeprefix(f"{verdict}: ")
    data = {"verdict": verdict, "given": given, "summary": words, "spans": [], "rows": []}
    request = REQUEST | {"duration_ms": 1.0, "method": "POST", "path": "/x", "started_at": "", "function": None}
    assert summary("diff", data | {"before": request, "after": request}).splitlines()[0] == first
