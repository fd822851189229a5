"""What the failing line names is told before the rest, in variables and in their fields."""

import pytest

from flux_ls.answers.spoken_of import spoken_of_first
from flux_ls.answers.values import pairs

PARCEL = {
    "$type": "shop.Parcel",
    "id": 2,
    "sender": "a@example.org",
    "town": "Nowhere",
    "note": "x" * 90,
    "locker": None,
    "by": {"name": "Ida", "role": None, "team": "north"},
}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            'log.info("%s", parcel.locker.town)',
            'parcel=Parcel(locker=null, town="Nowhere", id=2, sender="a@examp…", …), db=1',
        ),
        ("parcel.by.role.title()", 'parcel=Parcel(by={role: null, name: "Ida", team: "north"}, id=2, …), db=1'),
        ('return db[parcel["sender"]]', 'db=1, parcel=Parcel(sender="a@example.org", id=2, town="Nowhere", …)'),
        ("parcel.missing", 'parcel=Parcel(id=2, sender="a@example.org", town="Nowhere", …), db=1'),
        ("", 'parcel=Parcel(id=2, sender="a@example.org", town="Nowhere", …), db=1'),
        (None, 'parcel=Parcel(id=2, sender="a@example.org", town="Nowhere", …), db=1'),
    ],
)
def test_the_order(text: str | None, told: str) -> None:
    variables = {"parcel": PARCEL, "db": 1}
    ordered = spoken_of_first(variables, text)
    assert ordered == variables
    shown = {"parcel": 70, "db": 10}
    assert ", ".join(pairs({name: ordered[name]}, shown[name]) for name in ordered) == told
