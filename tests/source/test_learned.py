"""What the files that are found say of those that alone are not, in repositories of many projects."""

import random
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from flux_ls.model import Frame
from flux_ls.source.learned import LearnedPair
from flux_ls.source.paths import PathMapper
from tests.source.frames import frame
from tests.source.test_paths import mapped, refused, weigh, write

PAY = "def pay(card):\n    return gateway.charge(card)\n"
SHIP = "def ship(order):\n    return courier.send(order)\n"
START = "def start(port):\n    return serve(app, port)\n"
SETTINGS = "DEBUG = False\n"

MONOREPO = {
    "services/a/main.py": START,
    "services/a/settings.py": SETTINGS,
    "services/a/orders/pay.py": PAY,
    "services/b/main.py": START,
    "services/b/settings.py": SETTINGS,
    "services/b/parcels/ship.py": SHIP,
    "libs/common/settings.py": SETTINGS,
}


def pay(folder: str) -> Frame:
    return frame(f"{folder}/orders/pay.py", 2, "pay", "return gateway.charge(card)")


def ship(folder: str) -> Frame:
    return frame(f"{folder}/parcels/ship.py", 2, "ship", "return courier.send(order)")


def start(folder: str) -> Frame:
    return frame(f"{folder}/main.py", 2, "start", "return serve(app, port)")


def module(path: str) -> Frame:
    return frame(path, 1, "<module>", "DEBUG = False")


@pytest.mark.parametrize(
    "folder", ["/app", "/srv/app/backend", "/var/task", "/workspace/x/y", "C:\\app", "\\\\nas\\share"]
)
def test_a_root_level_file_is_where_its_package_is(tmp_path: Path, folder: str) -> None:
    def spelled(recorded: Frame) -> Frame:
        return replace(recorded, path=recorded.path.replace("/", "\\")) if "\\" in folder else recorded

    write(tmp_path, MONOREPO)
    mapper = PathMapper([tmp_path], (), weigh)
    assert len(refused(mapper, spelled(start(folder))).candidates) == 2
    assert mapped(mapper, spelled(pay(folder))) == "services/a/orders/pay.py"
    assert mapped(mapper, spelled(start(folder))) == "services/a/main.py"
    assert mapped(mapper, spelled(module(f"{folder}/settings.py"))) == "services/a/settings.py"
    assert mapper.learned() == (LearnedPair(folder, tmp_path / "services/a"),)


def test_services_in_one_repository_each_with_a_container_of_its_own(tmp_path: Path) -> None:
    write(tmp_path, MONOREPO)
    mapper = PathMapper([tmp_path], (), weigh)
    for teacher in (pay("/srv/a"), ship("/srv/b")):
        assert mapped(mapper, teacher) is not None
    assert mapped(mapper, start("/srv/a")) == "services/a/main.py"
    assert mapped(mapper, start("/srv/b")) == "services/b/main.py"
    assert {pair.prefix: mapper.display_path(pair.folder) for pair in mapper.learned()} == {
        "/srv": "services",
    }


def test_one_folder_for_two_services_says_nothing_of_either(tmp_path: Path) -> None:
    write(tmp_path, MONOREPO)
    mapper = PathMapper([tmp_path], (), weigh)
    assert mapped(mapper, pay("/app")) == "services/a/orders/pay.py"
    assert mapped(mapper, start("/app")) == "services/a/main.py"
    before = mapper.progress()
    assert mapped(mapper, ship("/app")) == "services/b/parcels/ship.py"
    assert mapper.progress()[1] == before[1] + 1, "what was shown has to be looked at again"
    reason = refused(mapper, start("/app")).reason
    assert "/app has files of services/a and of services/b" in reason
    # What is further in is still told apart.
    for service in "ab":
        write(tmp_path, {f"services/{service}/orders/util.py": SETTINGS})
        mapper.forget(tmp_path / f"services/{service}/orders/util.py")
    assert mapped(mapper, module("/app/orders/util.py")) == "services/a/orders/util.py"
    assert {pair.prefix for pair in mapper.learned()} == {"/app/orders", "/app/parcels"}


def test_a_pair_that_leads_to_a_file_that_it_cannot_be_is_given_up(tmp_path: Path) -> None:
    write(tmp_path, MONOREPO)
    write(tmp_path, {"services/b/worker.py": SHIP, "services/a/worker.py": PAY, "services/c/main.py": SETTINGS})
    mapper = PathMapper([tmp_path], (), weigh)
    mapped(mapper, pay("/app"))
    assert mapped(mapper, start("/app")) == "services/a/main.py"
    # Its only file with that line in that function is the other service's.
    assert mapped(mapper, frame("/app/worker.py", 2, "ship", "return courier.send(order)")) == "services/b/worker.py"
    assert mapped(mapper, start("/app")) is None
    assert "/app" not in {pair.prefix for pair in mapper.learned()}


def test_what_was_clear_and_is_no_more_teaches_nothing(tmp_path: Path) -> None:
    write(tmp_path, MONOREPO)
    mapper = PathMapper([tmp_path], (), weigh)
    mapped(mapper, pay("/app"))
    assert mapped(mapper, start("/app")) == "services/a/main.py"
    write(tmp_path, {"services/b/orders/pay.py": PAY})
    mapper.forget(tmp_path / "services/b/orders/pay.py")
    assert mapped(mapper, pay("/app")) is None
    assert mapped(mapper, start("/app")) is None
    assert mapper.learned() == ()


def test_a_renamed_folder_is_no_second_one(tmp_path: Path) -> None:
    write(tmp_path, MONOREPO)
    mapper = PathMapper([tmp_path], (), weigh)
    mapped(mapper, pay("/app"))
    (tmp_path / "services/a").rename(tmp_path / "services/shop")
    mapper.forget(tmp_path / "services/a/orders/pay.py")
    assert mapped(mapper, pay("/app")) == "services/shop/orders/pay.py"
    assert mapped(mapper, start("/app")) == "services/shop/main.py"


@pytest.mark.parametrize(
    "teacher",
    [
        pytest.param(frame("/app/orders/pay.py", 2, "refund", "return gateway.charge(card)"), id="another function"),
        pytest.param(frame("/app/orders/pay.py", 2, "pay", "return gateway.refund(card)"), id="another text"),
        pytest.param(frame("/app/orders/pay.py", 2, "<module>"), id="nothing known"),
        pytest.param(frame("/app/pay.py", 2, "pay", "return gateway.charge(card)"), id="a bare name"),
        pytest.param(frame("/app/orders/pay.py", 2, "pay", "return gateway.charge(card)", in_app=False), id="library"),
    ],
)
def test_weak_evidence_teaches_nothing(tmp_path: Path, teacher: Frame) -> None:
    write(tmp_path, MONOREPO)
    mapper = PathMapper([tmp_path], (), weigh)
    mapper.map(teacher)
    assert mapper.learned() == ()
    assert mapped(mapper, start("/app")) is None


def test_what_fits_better_than_the_learned_place_is_not_overruled(tmp_path: Path) -> None:
    write(tmp_path, MONOREPO)
    write(tmp_path, {"services/a/jobs/x.py": SETTINGS, "tools/app/jobs/x.py": SHIP})
    mapper = PathMapper([tmp_path], (), weigh)
    mapped(mapper, pay("/app"))
    assert mapped(mapper, frame("/app/jobs/x.py", 2, "ship", "return courier.send(order)")) == "tools/app/jobs/x.py"


def test_what_fits_as_well_as_the_learned_place_is_not_guessed(tmp_path: Path) -> None:
    write(tmp_path, MONOREPO)
    write(tmp_path, {"tools/app/main.py": START})
    for first in (start("/app"), pay("/app")):
        mapper = PathMapper([tmp_path], (), weigh)
        mapped(mapper, first)
        assert mapped(mapper, pay("/app")) == "services/a/orders/pay.py"
        answer = refused(mapper, start("/app"))
        assert set(answer.candidates) == {tmp_path / "services/a/main.py", tmp_path / "tools/app/main.py"}
        assert [pair.folder for pair in mapper.learned()] == [tmp_path / "services/a"]


def test_configured_pairs_come_first(tmp_path: Path) -> None:
    write(tmp_path, MONOREPO)
    mapper = PathMapper([tmp_path], ["/app=services/b"], weigh)
    mapped(mapper, pay("/app"))
    assert mapped(mapper, start("/app")) == "services/b/main.py"


def test_learned_places_stay_in_the_workspace(tmp_path: Path) -> None:
    write(tmp_path, {f"ws/{path}": text for path, text in MONOREPO.items()})
    (tmp_path / "out.py").write_text(START)
    (tmp_path / "ws/services/a/link.py").symlink_to(tmp_path / "out.py")
    mapper = PathMapper([tmp_path / "ws"], (), weigh)
    mapped(mapper, pay("/app"))
    assert mapped(mapper, frame("/app/link.py", 2, "start", "return serve(app, port)")) is None
    assert mapped(mapper, frame("/app/../../../out.py", 2, "start", "return serve(app, port)")) is None


def test_a_trace_of_many_folders_is_not_learned_by_heart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from flux_ls.source import learned, paths

    monkeypatch.setattr(learned, "_MOST", 10)
    monkeypatch.setattr(paths, "_MOST_TAUGHT", 20)
    write(tmp_path, MONOREPO)
    mapper = PathMapper([tmp_path], (), weigh)
    for number in range(50):
        assert mapped(mapper, pay(f"/app{number}")) == "services/a/orders/pay.py"
    assert len(mapper.learned()) <= 10


TEXTS = {"pay": PAY, "ship": SHIP, "start": START}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    files=st.dictionaries(
        st.tuples(st.sampled_from(["a", "b", "a/app", "app"]), st.sampled_from(["x.py", "o/x.py", "o/y.py", "p/y.py"])),
        st.sampled_from(sorted(TEXTS)),
        min_size=2,
        max_size=8,
    ),
    frames=st.lists(
        st.tuples(
            st.sampled_from(["/app", "/srv", "/srv/app", "/srv/a"]),
            st.sampled_from(["x.py", "o/x.py", "o/y.py", "p/y.py"]),
            st.sampled_from(sorted(TEXTS)),
        ),
        min_size=2,
        max_size=8,
        unique=True,
    ),
    chance=st.randoms(use_true_random=False),
)
def test_the_order_in_which_frames_come_does_not_matter(
    tmp_path_factory: pytest.TempPathFactory,
    files: dict[tuple[str, str], str],
    frames: list[tuple[str, str, str]],
    chance: random.Random,
) -> None:
    root = tmp_path_factory.mktemp("ws")
    write(root, {f"{folder}/{path}": TEXTS[function] for (folder, path), function in files.items()})
    recorded = [
        frame(f"{prefix}/{path}", 2, function, TEXTS[function].split("\n")[1].strip())
        for prefix, path, function in frames
    ]
    found = []
    for _ in range(2):
        mapper = PathMapper([root], (), weigh)
        for _ in range(3):
            for each in recorded:
                mapper.map(each)
        found.append({each: mapped(mapper, each) for each in recorded})
        chance.shuffle(recorded)
    assert found[0] == found[1]
