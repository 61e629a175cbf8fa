"""Splits and renames: history goes on over them, and nothing about them looks unusual."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from built_chains import Recorded, built_chain, unpriced_rows
from standard import open_store

from scanner import quality
from scanner.errors import SourceError
from scanner.market.corporate_actions import Actions, Rename, Split, read_renames
from scanner.store.importing import ImportReport, import_chains
from scanner.store.store import Store

BEFORE, FIRST_AFTER, NEXT = date(2014, 6, 6), date(2014, 6, 9), date(2014, 6, 10)
EXPIRIES = (date(2014, 7, 18), date(2014, 10, 17))
# AAPL closed at 645.57 on 2014-06-06 and opened on the 7:1 basis on 2014-06-09. The clearing house divided strikes
# and rounded to the cent: 630 -> 90.00, 645 -> 92.14, 650 -> 92.86, 700 -> 100.00.
OLD_STRIKES, NEW_STRIKES = (630.0, 645.0, 650.0, 700.0), (90.0, 92.14, 92.86, 100.0)


def store_told_of(folder: Path, events: str = "", renames: str = "") -> Store:
    open_store(folder)
    (folder / "events.csv").write_text("underlying,date,kind,value,when\n" + events, "utf-8")
    if renames:
        (folder / "renames.csv").write_text("old,new,date\n" + renames, "utf-8")
    return open_store(folder)


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
    fresh = open_store(tmp_path).history.panel("test", ["AAPL"], before=FIRST_AFTER)
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
    rows = unpriced_rows(built_chain(BEFORE))
    moved = Actions((Split("ABC", FIRST_AFTER, 0.1),)).restate_contracts(rows)
    assert moved["root"].unique().to_list() == ["ABC1"]
    assert moved["contract"][0] == "ABC1260918C00090000"
    assert moved.select("strike", "volume", "open_interest").equals(rows.select("strike", "volume", "open_interest"))


def test_a_split_of_one_name_leaves_the_others_alone() -> None:
    rows = unpriced_rows(built_chain(BEFORE))
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
    rows = unpriced_rows(built_chain(BEFORE, underlying="FB", root="FB1"))
    moved = Actions(renames=(Rename("FB", "META", FIRST_AFTER),)).restate_contracts(rows)
    assert moved.select("underlying", "root").unique().rows() == [("META", "META1")]


def contract_rows(underlying: str, root: str | None = None) -> pl.DataFrame:
    return unpriced_rows(built_chain(BEFORE, underlying=underlying, root=root))


def roots(rows: pl.DataFrame) -> list[tuple[str, str]]:
    return sorted(rows.select("underlying", "root").unique().rows())


@pytest.mark.parametrize("stored", ["LGF.A", "LGF-A", "LGF/A", "LGF A", "LGFA"])
@pytest.mark.parametrize("told", ["LGF.A", "LGF-A", "LGFA"])
def test_a_renamed_class_share_keeps_its_history_whatever_the_spelling(tmp_path: Path, stored: str, told: str) -> None:
    store = store_told_of(tmp_path, renames=f"{told},LION,2026-08-17\n")
    take(store, built_chain(date(2026, 8, 14), underlying=stored, root="LGFA"))
    today = built_chain(date(2026, 8, 17), underlying="LION", root="LION")
    panel = store.history.panel("test", ["LION"], before=date(2026, 8, 17))
    assert panel.underlyings == ("LION",)
    assert panel.rows_of(today).tolist() == list(range(20))
    assert quality.judge(today, panel, None, today["quote_time"][0])["check"].to_list() == []


def test_a_name_becomes_a_class_share_in_the_spelling_of_the_chain(tmp_path: Path) -> None:
    store = store_told_of(tmp_path, renames="OLD,NEW.B,2026-08-17\n")
    take(store, built_chain(date(2026, 8, 14), underlying="OLD"))
    panel = store.history.panel("test", ["NEW-B"], before=date(2026, 8, 17))
    assert panel.underlyings == ("NEW-B",)
    assert panel.contracts["root"].unique().to_list() == ["NEWB"]


@pytest.mark.parametrize("told", ["BRK.B", "BRK-B", "BRKB"])
def test_a_split_is_that_of_the_name_in_every_spelling(tmp_path: Path, told: str) -> None:
    store = store_told_of(tmp_path, f"{told},2026-08-17,split,2:1,\n")
    take(store, built_chain(date(2026, 8, 14), underlying="BRK/B", root="BRKB"))
    panel = store.history.panel("test", ["BRK/B"], before=date(2026, 8, 17))
    assert panel.contracts["strike"].unique().sort().to_list() == [45.0, 47.5, 50.0, 52.5, 55.0]
    assert panel.spot[0, 0] == 50.0


@pytest.mark.parametrize(
    ("root", "renamed"),
    [("FB", "META"), ("FB1", "META1"), ("2FB", "2META"), ("FB7", "META7"), ("FBX", "FBX"), ("ZZZ", "ZZZ")],
)
def test_a_rename_moves_the_roots_made_of_the_old_name_and_no_other(root: str, renamed: str) -> None:
    moved = Actions(renames=(Rename("FB", "META", FIRST_AFTER),)).restate_contracts(contract_rows("FB", root))
    assert roots(moved) == [("META", renamed)]


def test_a_name_that_was_renamed_twice_has_both_histories(tmp_path: Path) -> None:
    store = store_told_of(tmp_path, renames="B,C,2026-08-19\nA,B,2026-08-17\n")
    take(store, *(built_chain(date(2026, 8, day), underlying=name) for day, name in ((14, "A"), (18, "B"))))
    panel = store.history.panel("test", ["C"], before=date(2026, 8, 19))
    assert (panel.underlyings, panel.sessions) == (("C",), (date(2026, 8, 14), date(2026, 8, 18)))


def test_two_names_may_change_places() -> None:
    swap = Actions(renames=(Rename("A", "B", FIRST_AFTER), Rename("B", "A", FIRST_AFTER)))
    assert roots(swap.restate_contracts(pl.concat([contract_rows("A"), contract_rows("B", "B1")]))) == [
        ("A", "A1"),
        ("B", "B"),
    ]


TWICE = Actions((Split("ABC", date(2026, 3, 2), 0.1), Split("ABC", date(2026, 9, 1), 0.1)))


@pytest.mark.parametrize(
    ("session", "root", "restated"),
    [
        (date(2026, 2, 27), "ABC", "ABC1"),  # standard before both: adjusted by the first, which the second leaves
        (date(2026, 8, 31), "ABC", "ABC2"),  # listed between the two: adjusted by the second
        (date(2026, 8, 31), "ABC1", "ABC1"),
        (date(2026, 9, 1), "ABC", "ABC"),
        (date(2026, 9, 1), "ABC2", "ABC2"),
    ],
)
def test_a_second_reverse_split_makes_a_second_adjusted_root(session: date, root: str, restated: str) -> None:
    basis = TWICE.between(session, date(2026, 9, 2))
    assert roots(basis.restate_contracts(contract_rows("ABC", root))) == [("ABC", restated)]


def test_between_two_reverse_splits_standard_and_adjusted_contracts_stay_apart() -> None:
    rows = pl.concat([contract_rows("ABC"), contract_rows("ABC", "ABC1")])
    moved = TWICE.between(date(2026, 8, 31), date(2026, 9, 2)).restate_contracts(rows)
    assert roots(moved) == [("ABC", "ABC1"), ("ABC", "ABC2")]
    assert not moved["contract"].is_duplicated().any()


def test_an_adjusted_root_that_is_taken_is_not_taken_again() -> None:
    """A spin-off, which no table tells of, has left ABC1 before."""
    rows = pl.concat([contract_rows("ABC"), contract_rows("ABC", "ABC1")])
    moved = Actions((Split("ABC", FIRST_AFTER, 0.1),)).restate_contracts(rows)
    assert roots(moved) == [("ABC", "ABC1"), ("ABC", "ABC2")]


def test_two_reverse_splits_divide_the_price_twice() -> None:
    rows = pl.DataFrame({"underlying": ["ABC"], "spot": [1.0], "call_volume": [50]})
    twice = TWICE.between(date(2026, 2, 27), date(2026, 9, 2)).restate_underlyings(rows)
    assert twice.row(0) == ("ABC", pytest.approx(100.0), 50)


def test_what_a_split_does_to_all_that_is_remembered_of_a_name() -> None:
    """Seven for one: prices of a share are a seventh, contracts seven times as many, sums of money the same."""
    rows = pl.DataFrame(
        {"underlying": ["XYZ", "ABC"], "spot": [None, 50.0], "parity_spot": [700.0, 49.0]}
        | {"volume": [10, 10], "near_volume": [3, 3], "back_volume": [7, 7], "put_oi": [None, 5]}
        | {"call_premium": [900.0, 900.0], "put_call_volume": [0.5, 0.5], "iv30": [0.3, 0.3]},
        schema_overrides={"spot": pl.Float64},
    )
    moved = Actions((Split("XYZ", FIRST_AFTER, 7.0),)).restate_underlyings(rows)
    assert moved.row(0) == ("XYZ", None, 100.0, 70, 21, 49, None, 900.0, 0.5, 0.3)
    assert moved.row(1) == rows.row(1)
    assert moved.schema == rows.schema


def test_a_session_before_a_split_whose_source_gave_no_price_is_restated_too(tmp_path: Path) -> None:
    """Its price is the one that calls and puts imply: calls less puts are 100 - strike, a forward of 100."""
    opened = open_store(tmp_path)
    take(opened, built_chain(date(2026, 7, 1), spot=None))
    (tmp_path / "events.csv").write_text("underlying,date,kind,value,when\nABC,2026-07-02,split,4:1,\n", "utf-8")
    opened = open_store(tmp_path)
    opened.catch_up()
    panel = opened.history.panel("test", ["ABC"], before=date(2026, 7, 2))
    assert panel.spot[0].tolist() == pytest.approx([25.0], rel=0.02)


def test_two_whole_splits_divide_strikes_twice() -> None:
    twice = Actions((Split("ABC", date(2026, 3, 2), 2.0), Split("ABC", date(2026, 6, 1), 5.0)))
    moved = twice.between(BEFORE, date(2026, 9, 1)).restate_contracts(contract_rows("ABC"))
    assert moved["strike"].unique().sort().to_list() == [9.0, 9.5, 10.0, 10.5, 11.0]


@pytest.mark.parametrize(
    ("split_of", "split_on", "renamed_on"),
    [
        ("LGF.A", date(2026, 8, 10), date(2026, 8, 17)),  # split, then renamed
        ("LION", date(2026, 8, 17), date(2026, 8, 10)),  # renamed, then split
        ("LGFA", date(2026, 8, 17), date(2026, 8, 17)),  # both at once, told of the old name
        ("LION", date(2026, 8, 17), date(2026, 8, 17)),  # and of the new one
    ],
)
def test_a_split_and_a_rename_may_come_in_either_order(split_of: str, split_on: date, renamed_on: date) -> None:
    known = Actions((Split(split_of, split_on, 0.1),), (Rename("LGF-A", "LION", renamed_on),))
    basis = known.between(date(2026, 8, 7), date(2026, 8, 18))
    assert roots(basis.restate_contracts(contract_rows("LGF.A", "LGFA"))) == [("LION", "LION1")]
    rows = pl.DataFrame({"underlying": ["LGF.A"], "spot": [1.0]})
    assert basis.restate_underlyings(rows).row(0) == ("LION", pytest.approx(10.0))


def test_what_is_told_of_a_former_name_makes_the_summaries_of_the_new_one_outdated() -> None:
    known = Actions((Split("LGF.A", date(2026, 8, 10), 0.1),), (Rename("LGFA", "LION", date(2026, 8, 17)),))
    assert "LGF.A" in known.about("LION", date(2026, 8, 18))
    assert known.about("LION", date(2026, 8, 7)) == ""


@pytest.mark.parametrize("line", ["X,Y,soon", "X", '"X,Y",Z,2022-06-09', "X,=1+1,2022-06-09", ",Y,2022-06-09"])
def test_a_mapping_file_that_is_wrong_names_the_line(tmp_path: Path, line: str) -> None:
    path = tmp_path / "renames.csv"
    path.write_text(f"old,new,date\nFB,META,2022-06-09\n{line}\n", "utf-8")
    with pytest.raises(SourceError, match=r"renames\.csv:3: expected old,new,date"):
        read_renames(path)
