"""Splits and renames: history goes on over them, and nothing about them looks unusual."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from built_chains import Recorded, built_chain

from scanner import events, quality
from scanner.corporate_actions import Actions, Rename, Split, read_renames
from scanner.errors import SourceError
from scanner.store.derive import raw_summary
from scanner.store.importing import ImportReport, import_chains
from scanner.store.store import Store

BEFORE, FIRST_AFTER, NEXT = date(2014, 6, 6), date(2014, 6, 9), date(2014, 6, 10)
EXPIRIES = (date(2014, 7, 18), date(2014, 10, 17))
# AAPL closed at 645.57 on 2014-06-06 and opened on the 7:1 basis on 2014-06-09. The clearing house divided strikes
# and rounded to the cent: 630 -> 90.00, 645 -> 92.14, 650 -> 92.86, 700 -> 100.00.
OLD_STRIKES, NEW_STRIKES = (630.0, 645.0, 650.0, 700.0), (90.0, 92.14, 92.86, 100.0)


def store_told_of(folder: Path, events: str = "", renames: str = "") -> Store:
    Store.open(folder).close()
    (folder / "events.csv").write_text("underlying,date,kind,value,when\n" + events, "utf-8")
    if renames:
        (folder / "renames.csv").write_text("old,new,date\n" + renames, "utf-8")
    return Store.open(folder)


def take(store: Store, *chains: pl.DataFrame) -> None:
    import_chains(store, [Recorded(chain) for chain in chains], ImportReport())


def aapl(session: date, strikes: tuple[float, ...], volume: int, open_interest: list[int], spot: float) -> pl.DataFrame:
    # Without quotes: prices on either side of the split are not what these tests are about.
    return built_chain(
        session,
        underlying="AAPL",
        expiries=EXPIRIES,
        strikes=strikes,
        volume=[volume + i for i in range(16)],
        open_interest=open_interest,
        spot=spot,
        columns={"bid": None, "ask": None},
    )


def test_the_apple_split_goes_on_under_new_strikes_with_seven_times_the_contracts(tmp_path: Path) -> None:
    store = store_told_of(tmp_path, "AAPL,2014-06-09,split,7:1,\n")
    take(store, aapl(BEFORE, OLD_STRIKES, 100, [1000 + i for i in range(16)], 645.57))
    panel = store.history.panel("test", ["AAPL"], before=FIRST_AFTER)
    assert panel.contracts["strike"].unique().sort().to_list() == list(NEW_STRIKES)
    assert panel.contracts["contract"][0] == "AAPL140718C00090000"
    assert panel.volume[0].tolist() == [700.0]
    assert panel.open_interest[0].tolist() == [7000.0]
    assert panel.spot[0, 0] == pytest.approx(92.2243, abs=1e-4)


def test_the_day_of_the_split_is_as_sound_as_any_other(tmp_path: Path) -> None:
    store = store_told_of(tmp_path, "AAPL,2014-06-09,split,7:1,\n")
    take(store, aapl(BEFORE, OLD_STRIKES, 100, [1000 + i for i in range(16)], 645.57))
    after = aapl(FIRST_AFTER, NEW_STRIKES, 650, [7 * (1000 + i) + 50 + i for i in range(16)], 93.7)
    panel = store.history.panel("test", ["AAPL"], before=FIRST_AFTER)
    assert quality.judge(after, panel, None, after["quote_time"][0]).is_empty()


def test_without_the_split_being_known_the_same_day_is_incomplete_and_not_judged(tmp_path: Path) -> None:
    store = store_told_of(tmp_path)
    take(store, aapl(BEFORE, OLD_STRIKES, 100, [1000 + i for i in range(16)], 645.57))
    after = aapl(FIRST_AFTER, NEW_STRIKES, 650, [7 * (1000 + i) for i in range(16)], 93.7)
    panel = store.history.panel("test", ["AAPL"], before=FIRST_AFTER)
    verdicts = quality.judge(after, panel, None, after["quote_time"][0])
    assert verdicts["check"].to_list() == ["incomplete"]


def test_a_session_before_the_split_is_judged_on_its_own_basis(tmp_path: Path) -> None:
    store = store_told_of(tmp_path, "AAPL,2014-06-09,split,7:1,\n")
    take(store, aapl(date(2014, 6, 5), OLD_STRIKES, 100, [1000 + i for i in range(16)], 647.35))
    panel = store.history.panel("test", ["AAPL"], before=BEFORE)
    assert panel.contracts["strike"].unique().sort().to_list() == list(OLD_STRIKES)
    assert panel.spot[0, 0] == 647.35


def test_a_baseline_kept_in_memory_is_restated_when_the_split_comes(tmp_path: Path) -> None:
    store = store_told_of(tmp_path, "AAPL,2014-06-09,split,7:1,\n")
    take(store, aapl(date(2014, 6, 5), OLD_STRIKES, 100, [1000 + i for i in range(16)], 647.35))
    take(store, aapl(BEFORE, OLD_STRIKES, 110, [1005 + i for i in range(16)], 645.57))
    store.history.panel("test", ["AAPL"], before=BEFORE)
    kept = store.history.panel("test", ["AAPL"], before=FIRST_AFTER)
    fresh = Store.open(tmp_path).history.panel("test", ["AAPL"], before=FIRST_AFTER)
    assert kept.contracts.equals(fresh.contracts)
    np.testing.assert_array_equal(kept.volume, fresh.volume)


def test_telling_of_a_split_later_makes_the_sessions_since_outdated(tmp_path: Path) -> None:
    store = store_told_of(tmp_path)
    take(store, aapl(BEFORE, OLD_STRIKES, 100, [1000 + i for i in range(16)], 645.57))
    take(store, aapl(FIRST_AFTER, NEW_STRIKES, 650, [7 * (1000 + i) + 5 for i in range(16)], 93.7))
    assert store.outdated() == {}
    told = store_told_of(tmp_path, "AAPL,2014-06-09,split,7:1,\n")
    assert told.outdated() == {"test": {FIRST_AFTER: ["AAPL"]}}
    told.catch_up()
    assert told.summaries.underlyings("test", FIRST_AFTER)["verdicts"].to_list() == [[]]


def test_a_reverse_split_leaves_the_old_contracts_under_an_adjusted_root() -> None:
    rows = raw_summary(built_chain(BEFORE), events.empty())[0]
    moved = Actions((Split("ABC", FIRST_AFTER, 0.1),)).restate_contracts(rows)
    assert moved["root"].unique().to_list() == ["ABC1"]
    assert moved["contract"][0] == "ABC1260918C00090000"
    assert moved.select("strike", "volume", "open_interest").equals(rows.select("strike", "volume", "open_interest"))


def test_a_split_of_one_name_leaves_the_others_alone() -> None:
    rows = raw_summary(built_chain(BEFORE), events.empty())[0]
    assert Actions((Split("XYZ", FIRST_AFTER, 7.0),)).restate_contracts(rows).equals(rows)


def test_a_renamed_underlying_keeps_its_history(tmp_path: Path) -> None:
    store = store_told_of(tmp_path, renames="FB,META,2022-06-09\n")
    take(store, built_chain(date(2022, 6, 7), underlying="FB"), built_chain(date(2022, 6, 8), underlying="FB"))
    panel = store.history.panel("test", ["META"], before=date(2022, 6, 9))
    assert panel.sessions == (date(2022, 6, 7), date(2022, 6, 8))
    assert panel.contracts["root"].unique().to_list() == ["META"]
    assert panel.rows_of(built_chain(date(2022, 6, 9), underlying="META")).tolist() == list(range(20))
    assert panel.spot.tolist() == [[100.0, 100.0]]
    assert store.history.panel("test", ["FB"], before=date(2022, 6, 8)).contracts["root"][0] == "FB"


def test_an_adjusted_root_is_renamed_with_its_underlying() -> None:
    rows = raw_summary(built_chain(BEFORE, underlying="FB", root="FB1"), events.empty())[0]
    moved = Actions(renames=(Rename("FB", "META", FIRST_AFTER),)).restate_contracts(rows)
    assert moved.select("underlying", "root").unique().rows() == [("META", "META1")]


@pytest.mark.parametrize("line", ["X,Y,soon", "X", '"X,Y",Z,2022-06-09', "X,=1+1,2022-06-09", ",Y,2022-06-09"])
def test_a_mapping_file_that_is_wrong_names_the_line(tmp_path: Path, line: str) -> None:
    path = tmp_path / "renames.csv"
    path.write_text(f"old,new,date\nFB,META,2022-06-09\n{line}\n", "utf-8")
    with pytest.raises(SourceError, match=r"renames\.csv:3: expected old,new,date"):
        read_renames(path)
