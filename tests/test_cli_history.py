"""``scanner history`` shows one figure over the stored sessions: gaps are gaps, and a place is told with its count."""

from __future__ import annotations

import csv
import io
import json
from datetime import date
from pathlib import Path

import pytest
from built_chains import built_chain
from commands import Commands
from standard import calendar, open_store

from scanner import app
from scanner.errors import StoreError, UsageError

DAYS = calendar.sessions_between(date(2026, 5, 1), date(2026, 5, 15))
# Puts that trade beside twenty calls of every strike: the ratio of every session, none on the fourth.
PUTS = {day: 10 + number for number, day in enumerate(DAYS) if number != 3}


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    store = open_store(tmp_path / "store")
    for day, puts in PUTS.items():
        store.snapshots.write(built_chain(day, volume=[20, puts] * 10), f"{day}")
    store.catch_up()
    commands = Commands(monkeypatch, capsys)

    def command(*words: object, code: int = 0) -> str:
        ran = commands("history", *words, "--store", tmp_path / "store")
        assert ran.code == code, ran.err
        return ran.out if code == 0 else ran.err

    return command


def test_the_values_are_those_of_each_session_and_a_missing_one_is_null(run) -> None:
    read = json.loads(run("abc", "put_call_volume", "--format", "json"))
    assert (read["underlying"], read["field"], read["source"]) == ("ABC", "put_call_volume", "test")
    assert [item["session_date"] for item in read["values"]] == [str(day) for day in DAYS]
    assert [item["value"] for item in read["values"]] == [
        None if day not in PUTS else pytest.approx(PUTS[day] / 20) for day in DAYS
    ]
    rows = list(csv.DictReader(io.StringIO(run("ABC", "put_call_volume", "--format", "csv"))))
    assert rows[3] == {"session_date": str(DAYS[3]), "value": ""}


def test_the_screen_says_where_the_newest_lies_and_among_how_many(run) -> None:
    title, chart = run("ABC", "put_call_volume", "--no-color").splitlines()
    assert title == "ABC put/call, 1 May to 15 May 2026 (10 sessions)   now 1.00, the highest of 10"
    # From 0.50 to 1.00 in eleven sessions, rising evenly, the fourth unknown.
    assert chart == " 0.50 ▁▂▂ ▄▅▅▆▇▇█ 1.00"


def test_a_place_is_counted_from_the_nearer_end(tmp_path: Path, run) -> None:
    store = open_store(tmp_path / "store")
    store.snapshots.write(built_chain(date(2026, 5, 18), volume=[20, 11] * 10), "last")
    store.catch_up()
    title, _ = run("ABC", "put_call_volume", "--no-color").splitlines()
    assert title.endswith("now 0.55, 2nd lowest of 11")  # 10, 11 and 12 are the least that traded


def test_a_title_is_as_good_as_a_name_and_a_typo_is_answered_with_the_nearest(run) -> None:
    assert "put/call" in run("ABC", "put/call")
    assert "did you mean `put_call_volume`?" in run("ABC", "put_call_volum", code=2)
    assert "remembers no session of XYZ" in run("XYZ", "iv30", code=3)


@pytest.fixture(scope="module")
def month(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store of 27 sessions in which prices and volumes wander."""
    place = tmp_path_factory.mktemp("month") / "store"
    store = open_store(place)
    for number, day in enumerate(calendar.sessions_between(date(2026, 4, 1), date(2026, 5, 8))):
        for name in ("ABC", "ABCL"):
            chain = built_chain(
                day, underlying=name, root=name, volume=[20 + number * 7 % 11, 10 + number * 5 % 7] * 10,
                spot=100.0 + number * number % 13,
            )  # fmt: skip
            store.snapshots.write(chain, f"{name}-{day}")
    store.catch_up()
    return place


DERIVED = (
    "spot_change", "spot_change_5", "spot_change_week", "previous_close", "put_call_volume_prev",
    "put_call_volume_change", "volume_ratio_5", "volume_ratio_20", "call_volume_ratio_20", "hv_20",
)  # fmt: skip


@pytest.mark.parametrize("field", DERIVED)
def test_what_follows_from_the_sessions_kept_is_what_a_scan_of_the_session_says(month: Path, field: str) -> None:
    told = app.history("ABC", field, store=month).frame
    scanned = app.chain("ABC", as_of=told["session_date"][-1], store=month).frames["underlying"]
    assert scanned[field][0] is not None
    assert told["value"][-1] == pytest.approx(scanned[field][0])


def test_a_rank_among_too_few_sessions_is_not_told_and_the_count_is(month: Path) -> None:
    assert app.history("ABC", "iv_rank_252", store=month).frame["value"].null_count() == 27
    assert app.history("ABC", "iv_sessions", store=month).frame["value"].max() <= 26


def test_a_distance_to_a_mean_of_closes_counts_the_session_itself(month: Path) -> None:
    told = app.history("ABC", "close_to_mean_20", store=month).frame["value"].to_list()
    spots = [100.0 + number * number % 13 for number in range(27)]
    assert told[:19] == [None] * 19
    assert told[-1] == pytest.approx(spots[-1] / (sum(spots[-20:]) / 20) - 1)


def test_share_classes_are_told_as_one_where_the_user_says_so(month: Path) -> None:
    one, both = (app.history("ABC", "call_volume", together=other, store=month) for other in ((), "ABCL"))
    assert both.symbol == "ABC+ABCL"
    assert both.frame["value"].to_list() == [2 * value for value in one.frame["value"]]
    ratio = app.history("ABC", "put_call_volume", together="ABCL", store=month).frame
    assert ratio["value"].to_list() == pytest.approx(
        app.history("ABC", "put_call_volume", store=month).frame["value"].to_list()
    )
    with pytest.raises(UsageError, match="is of one share class alone"):
        app.history("ABC", "iv30", together="ABCL", store=month)
    with pytest.raises(StoreError, match="no session of ABC and NOPE"):
        app.history("ABC", "call_volume", together="NOPE", store=month)


EXPOSURES = (
    "gex", "delta_exposure", "vanna_exposure", "charm_exposure", "call_wall", "put_wall", "max_pain", "notional_oi",
    "gamma_expiring_share_next", "expected_move_pct",
)  # fmt: skip


def test_where_open_interest_sat_is_kept_of_every_session_as_it_was_told_then(month: Path) -> None:
    for field in EXPOSURES:
        told = app.history("ABC", field, store=month).frame
        assert told["value"].null_count() == 0, field
        for session in (told["session_date"][3], told["session_date"][-1]):
            then = app.chain("ABC", as_of=session, store=month).frames["underlying"][field][0]
            assert told.filter(session_date=session)["value"].item() == pytest.approx(then), field
    one, both = (app.history("ABC", "gex", together=other, store=month).frame["value"] for other in ((), "ABCL"))
    assert both.to_list() == pytest.approx([2 * value for value in one])


def test_the_slope_of_the_term_structure_is_kept(tmp_path: Path) -> None:
    """Expiries exactly 30 and 90 days after the close: the difference of their volatilities at the money."""
    day = date(2026, 5, 6)
    store = open_store(tmp_path / "store")
    store.snapshots.write(built_chain(day, expiries=(date(2026, 6, 5), date(2026, 8, 4))), "first")
    store.catch_up()
    kept = app.history("ABC", "term_slope", store=tmp_path / "store").frame["value"].item()
    near, far = app.chain("ABC", as_of=day, store=tmp_path / "store").frames["expiry"].sort("expiry")["atm_iv"]
    assert kept == pytest.approx(far - near, rel=1e-9)
