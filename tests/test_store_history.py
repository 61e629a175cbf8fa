"""Snapshots become summaries, summaries become panels; the past of a session never depends on its future."""

from __future__ import annotations

from datetime import date, time
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from built_chains import Recorded, built_chain
from standard import calendar, open_store

from scanner import quality
from scanner.market.calendar import at_new_york
from scanner.pricing import PricedChain, Pricing
from scanner.store import maintenance
from scanner.store.importing import ImportReport, import_chains
from scanner.store.store import Store

DAYS = calendar.sessions_between(date(2026, 8, 3), date(2026, 8, 14))


def take(store: Store, *chains: pl.DataFrame) -> ImportReport:
    report = ImportReport()
    import_chains(store, [Recorded(chain) for chain in chains], report)
    return report


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(tmp_path / "store")


def test_a_panel_holds_the_sessions_before_the_judged_one(store: Store) -> None:
    take(store, *[built_chain(day, volume=10 + number) for number, day in enumerate(DAYS)])
    panel = store.history.panel("test", ["ABC"], before=DAYS[4], depth=3)
    assert panel.sessions == tuple(DAYS[1:4])
    assert panel.volume.tolist() == [[11.0, 12.0, 13.0]] * 20
    assert panel.spot.tolist() == [[100.0, 100.0, 100.0]]
    assert panel.oi_asof.tolist() == [DAYS[0:3]]


def test_the_same_panel_whether_or_not_later_sessions_are_stored(tmp_path: Path) -> None:
    chains = [built_chain(day, strikes=[100.0, 105.0 + number]) for number, day in enumerate(DAYS)]
    early, late = open_store(tmp_path / "early"), open_store(tmp_path / "late")
    take(early, *chains[:6])
    take(late, *chains)
    one, other = (store.history.panel("test", ["ABC"], before=DAYS[6], depth=4) for store in (early, late))
    assert one.contracts.equals(other.contracts)
    np.testing.assert_array_equal(one.volume, other.volume)
    assert one.underlying_sessions.equals(other.underlying_sessions)


def test_an_import_holds_only_the_newest_sessions_and_judges_by_them_as_by_all(store: Store) -> None:
    take(store, *[built_chain(day) for day in DAYS[:8]])
    repeat = built_chain(DAYS[8], volume=built_chain(DAYS[4])["volume"].to_list())
    recent = open_store(store.path).history.recent("test", ["ABC"], before=DAYS[8])
    whole = open_store(store.path).history.panel("test", ["ABC"], before=DAYS[8])
    assert recent.sessions == whole.sessions[-5:] == tuple(DAYS[3:8])
    one, other = (quality.judge(repeat, panel, None, repeat["quote_time"][0]) for panel in (recent, whole))
    assert one.equals(other)
    assert one["check"].to_list() != []


def test_importing_twice_changes_nothing(store: Store, tmp_path: Path) -> None:
    chains = [built_chain(day) for day in DAYS[:3]]
    first = take(store, *chains)
    files = sorted((path, path.stat().st_mtime_ns) for path in (tmp_path / "store").rglob("*.parquet"))
    again = take(store, *chains)
    assert (first.stored, first.known) == (3, 0)
    assert (again.stored, again.known) == (0, 3)
    assert files == sorted((path, path.stat().st_mtime_ns) for path in (tmp_path / "store").rglob("*.parquet"))


def test_the_order_of_import_does_not_matter(tmp_path: Path) -> None:
    chains = [built_chain(day) for day in DAYS[:4]]
    chains[2] = built_chain(
        DAYS[2], volume=chains[1]["volume"].to_list(), open_interest=chains[1]["open_interest"].to_list()
    )
    straight, reversed_ = open_store(tmp_path / "straight"), open_store(tmp_path / "reversed")
    take(straight, *chains)
    for item in reversed(chains):
        take(reversed_, item)
    for day in DAYS[:4]:
        one, other = (store.summaries.underlyings("test", day) for store in (straight, reversed_))
        assert one.equals(other)
    assert straight.summaries.underlyings("test", DAYS[2])["verdicts"][0][0]["check"] == "repeated"


def test_a_session_that_is_not_trusted_is_unknown_in_the_panel_never_zero(store: Store) -> None:
    good = built_chain(DAYS[0])
    repeat = built_chain(DAYS[1], volume=good["volume"].to_list(), open_interest=good["open_interest"].to_list())
    take(store, good, repeat)
    panel = store.history.panel("test", ["ABC"], before=DAYS[2])
    assert panel.sessions == (DAYS[0], DAYS[1])
    assert np.isnan(panel.volume[:, 1]).all()
    assert np.isfinite(panel.volume[:, 0]).all()


def test_a_session_without_quotes_of_its_close_has_no_closing_volume_but_keeps_its_open_interest(store: Store) -> None:
    take(store, built_chain(DAYS[0], quote_time=calendar.session_open(DAYS[0])))
    panel = store.history.panel("test", ["ABC"], before=DAYS[1])
    assert np.isnan(panel.volume).all()
    assert np.isfinite(panel.open_interest).all()


def test_a_session_of_which_the_calendar_says_something_else_by_now_is_summarised_anew(store: Store) -> None:
    """Quotes of 13:00 are no close, until the exchange is known to have closed at 13:00 that day."""
    at_one = at_new_york(DAYS[0], time(13, 0))
    take(store, built_chain(DAYS[0], quote_time=at_one, volume=7), built_chain(DAYS[1], volume=9))
    amended = calendar.amended({DAYS[0]: (time(9, 30), time(13, 0))})
    other = Store.open(store.path, calendar=amended)
    assert [*other.outdated()["test"]] == DAYS[:2]
    other.catch_up()
    panel = other.history.panel("test", ["ABC"], before=DAYS[2])
    assert panel.volume.tolist() == [[7.0, 9.0]] * 20
    again = open_store(store.path)
    assert [*again.outdated()["test"]] == DAYS[:2]


def test_panels_of_two_calendars_are_never_taken_for_one_another(store: Store) -> None:
    take(store, *[built_chain(day) for day in DAYS[:4]])
    other = Store.open(store.path, calendar=calendar.amended({DAYS[1]: None}))
    one, another = (opened.history.panel("test", ["ABC"], before=DAYS[4]) for opened in (store, other))
    assert (one.sessions, another.sessions) == (tuple(DAYS[:4]), (DAYS[0], *DAYS[2:4]))
    other = Store.open(store.path, calendar=calendar.amended({date(2026, 12, 1): None}))
    later = other.history.panel("test", ["ABC"], before=DAYS[4])
    assert later.sessions == one.sessions
    assert later.fingerprint != one.fingerprint


def test_vendors_never_mix_and_the_other_history_is_named(store: Store) -> None:
    take(store, *[built_chain(day, source="cboe") for day in DAYS[:3]])
    assert store.history.panel("yahoo", ["ABC"], before=DAYS[5]).sessions == ()
    assert store.history.other_sources("yahoo", ["ABC"], before=DAYS[5]) == {"cboe": 3}


def test_a_panel_of_several_underlyings_leaves_the_missing_ones_unknown(store: Store) -> None:
    take(store, built_chain(DAYS[0]), built_chain(DAYS[1]), built_chain(DAYS[1], underlying="XYZ"))
    panel = store.history.panel("test", ["ABC", "XYZ"], before=DAYS[2])
    assert panel.underlyings == ("ABC", "XYZ")
    assert np.isnan(panel.spot[1, 0])
    xyz = (panel.contracts["underlying"] == "XYZ").to_numpy()
    assert np.isnan(panel.volume[xyz, 0]).all()


def test_a_holiday_label_is_stored_with_its_verdict_and_takes_no_place_in_the_panel(store: Store) -> None:
    thursday, holiday, monday = date(2026, 7, 2), date(2026, 7, 3), date(2026, 7, 6)
    take(store, built_chain(thursday), built_chain(holiday))
    assert store.history.panel("test", ["ABC"], before=monday).sessions == (thursday,)
    assert store.summaries.underlyings("test", holiday)["verdicts"][0][0]["check"] == "holiday"


def test_a_name_that_cannot_be_priced_is_kept_without_volatilities_and_costs_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    price = Pricing.price

    def failing(self: Pricing, chain: pl.DataFrame, *told: Any, **asked: Any) -> PricedChain:
        if "BAD" in chain["underlying"]:
            raise ZeroDivisionError
        return price(self, chain, *told, **asked)

    monkeypatch.setattr(Pricing, "price", failing)
    store = open_store(tmp_path)
    both = pl.concat([built_chain(DAYS[0], underlying="BAD"), built_chain(DAYS[0], underlying="XYZ")])
    store.snapshots.write(both, "scan")
    store.catch_up()
    rows = store.summaries.contracts("test", DAYS[0])
    kept = rows.group_by("underlying").agg(pl.col("iv", "delta", "mid", "volume").count()).sort("underlying")
    assert kept.rows() == [("BAD", 0, 0, 20, 20), ("XYZ", 20, 20, 20, 20)]
    names = store.summaries.underlyings("test", DAYS[0]).sort("underlying")
    # What needs no volatility is known of both.
    assert names["call_volume"].to_list() == [both["volume"].gather_every(2).sum() // 2] * 2
    assert names["parity_spot"].is_null().to_list() == [True, False]


def test_numbers_of_another_calculation_version_are_left_out_until_they_are_made_again(tmp_path: Path) -> None:
    take(open_store(tmp_path, calculation_version="of-before"), built_chain(DAYS[0]))
    newer = open_store(tmp_path)
    panel = newer.history.panel("test", ["ABC"], before=DAYS[1])
    assert np.isnan(panel.iv).all()
    assert panel.underlying_sessions["parity_spot"].to_list() == [None]
    assert np.isfinite(panel.volume).all()
    assert newer.outdated() == {"test": {DAYS[0]: ["ABC"]}}
    newer.catch_up()
    panel = newer.history.panel("test", ["ABC"], before=DAYS[1])
    assert np.isfinite(panel.iv).all()
    assert panel.underlying_sessions["parity_spot"].null_count() == 0


def test_an_import_cut_off_before_it_judged_is_finished_by_the_next(store: Store) -> None:
    take(store, built_chain(DAYS[2]))
    for day in DAYS[:2]:
        store.snapshots.write(built_chain(day), f"killed-{day}")
    assert store.outdated() == {"test": {day: ["ABC"] for day in DAYS[:3]}}
    report = take(store, built_chain(DAYS[0]))
    assert (report.stored, report.known) == (0, 1)
    assert [item.session_date for item in report.derived] == DAYS[:3]
    assert store.outdated() == {}


def test_a_store_that_holds_another_spelling_reads_as_one_name(tmp_path: Path) -> None:
    """Chains as an earlier version stored them: as the file spelled them."""
    days = calendar.sessions_between(date(2026, 8, 3), date(2026, 8, 5))
    store = open_store(tmp_path / "store")
    for day, name in zip(days, ("BRK/B", "BRK-B", "BRK.B"), strict=True):
        take(store, built_chain(session=day, underlying=name, root="BRKB"))
    panel = store.history.panel("test", ["BRK.B"], before=date(2026, 8, 6))
    assert (panel.underlyings, panel.sessions) == (("BRK.B",), tuple(days))
    for day in days:
        assert store.snapshots.newest("test", day, ["BRK.B"])["underlying"].to_list() == ["BRK.B"] * 20
    assert store.outdated() == {}
    assert maintenance.verify(store).whole
