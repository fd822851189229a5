"""The answers' JSON: the documented fields are all there, times and durations as documented."""

import json
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct

from flux_ls.answers import shapes
from flux_ls.answers.shapes import Check, Doctor, milliseconds, timestamp, to_json

# What users' scripts rely on: fields may be added, never renamed.
DOCUMENTED: dict[type[Struct], str] = {
    shapes.RequestShape: "id short_id started_at duration_ms service environment revision kind name method path route "
    "function status failed error complete spans",
    shapes.FrameShape: "path recorded_path line recorded_line column function in_app anchor source locals",
    shapes.Why: "request root_cause location location_reason frames chain row_changes input suggestions contrast group",
    shapes.RootCause: "type message span_id span_name handled",
    shapes.LinkShape: "type message frame",
    shapes.GroupCount: "fingerprint count first_seen last_seen state resolved_by",
    shapes.ProofShape: "request_id status at",
    shapes.Trace: "request spans",
    shapes.SpanShape: "span_id parent_id name kind service start_ms duration_ms status error input output frame "
    "row_changes attributes",
    shapes.Errors: "groups",
    shapes.Group: "fingerprint type message location count first_seen last_seen first_revision sample_request_id state "
    "resolved_by",
    shapes.Doctor: "checks",
    shapes.Check: "name ok detail mend",
}


@pytest.mark.parametrize("shape", DOCUMENTED)
def test_documented_fields_are_there(shape: type[Struct]) -> None:
    assert set(DOCUMENTED[shape].split()) <= set(shape.__struct_fields__)


@pytest.mark.parametrize(
    ("ns", "expected"),
    [
        (0, "1970-01-01T00:00:00.000000+00:00"),
        (1_700_000_000_123_456_789, "2023-11-14T22:13:20.123456+00:00"),
        (-1, "1969-12-31T23:59:59.999999+00:00"),
        (2**63 - 1, "2262-04-11T23:47:16.854775+00:00"),
        (2**64, "2554-07-21T23:34:33.709551+00:00"),
        (10**30, "9999-12-31T23:59:59.999999+00:00"),
        (-(10**30), "0001-01-01T00:00:00.000000+00:00"),
    ],
)
def test_timestamps(ns: int, expected: str) -> None:
    assert timestamp(ns) == expected


@given(st.integers(0, 2**63 - 1))
def test_timestamps_are_rfc_3339_to_the_microsecond(ns: int) -> None:
    parsed = datetime.fromisoformat(timestamp(ns))
    assert parsed.utcoffset() is not None
    epoch = datetime.fromisoformat("1970-01-01T00:00:00+00:00")
    assert (parsed - epoch).days * 86400_000000 + (parsed - epoch).seconds * 1_000_000 + (
        parsed - epoch
    ).microseconds == ns // 1000


def test_durations_are_milliseconds() -> None:
    assert milliseconds(44_500_000) == 44.5
    assert milliseconds(1) == 0.0


@given(st.text())
def test_any_text_is_one_line_of_json(text: str) -> None:
    line = to_json(Check("name", ok=True, detail=text))
    assert b"\n" not in line
    assert json.loads(line)["detail"] == text


def test_a_file_name_that_is_no_text_is_json_too() -> None:
    assert json.loads(to_json(Check("name", ok=True, detail="a\udcff")))["detail"] == "a\udcff"


def test_the_first_broken_link_is_named() -> None:
    held, first, second = Check("a", True, ""), Check("b", False, "", "mend b"), Check("c", False, "", "mend c")
    assert Doctor((held, first, second)).broken is first
    assert Doctor((held,)).broken is None
