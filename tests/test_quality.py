"""The quality gate: each check switches off exactly what it makes untrustworthy."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from built_chains import built_chain

from scanner import quality, sessions
from scanner.panel import Panel
from scanner.store.importing import import_chains
from scanner.store.store import Store

DAYS = sessions.sessions_between(date(2026, 8, 3), date(2026, 8, 14))


@dataclass
class Recorded:
    chain: pl.DataFrame | None
    path: Path = Path("built")
    refusals: tuple[object, ...] = ()


def panel_of(folder: Path, *chains: pl.DataFrame) -> Panel:
    with Store.open(folder) as store:
        import_chains(store, [Recorded(chain) for chain in chains])
        return store.history.panel("test", ["ABC"], before=date(2026, 8, 31))


def judge(chain: pl.DataFrame, panel: Panel | None = None, **options: Any) -> set[tuple[str, str]]:
    now = options.pop("now", None) or chain["quote_time"][0]
    verdicts = quality.judge(chain, panel or Panel.empty(), options.pop("previous", None), now, **options)
    return set(verdicts.select("check", "switches_off").iter_rows())


def test_a_good_chain_has_no_verdict(tmp_path: Path) -> None:
    assert judge(built_chain(DAYS[1]), panel_of(tmp_path, built_chain(DAYS[0]))) == set()


def test_a_name_the_source_returned_nothing_for_is_empty() -> None:
    assert judge(built_chain(DAYS[0]), expected=("ABC", "XYZ")) == {("empty", "all")}


def test_a_chain_in_which_nothing_is_known_is_empty() -> None:
    nothing = dict.fromkeys(("volume", "open_interest", "bid", "ask", "last"))
    assert judge(built_chain(DAYS[0], columns=nothing)) == {("empty", "all")}


@pytest.mark.parametrize(
    ("label", "check"), [(date(2026, 7, 3), "holiday"), (date(2026, 5, 25), "holiday"), (date(2026, 8, 8), "weekend")]
)
def test_a_label_on_which_no_session_was_held_switches_everything_off(label: date, check: str) -> None:
    assert judge(built_chain(label)) == {(check, "all")}


def test_before_the_open_volume_and_quotes_are_those_of_another_session() -> None:
    early = built_chain(DAYS[0], quote_time=sessions.session_open(DAYS[0]) - timedelta(minutes=1))
    assert judge(early) == {("before_open", "volume"), ("before_open", "quotes")}


def test_no_trade_newer_than_the_previous_session_leaves_only_the_open_interest() -> None:
    stale = built_chain(DAYS[1], traded_on=DAYS[0])
    assert judge(stale) == {("stale", "volume"), ("stale", "quotes"), ("stale", "spot")}


def test_a_chain_whose_volumes_are_all_zero_is_quiet_not_stale() -> None:
    assert judge(built_chain(DAYS[1], traded_on=DAYS[0], volume=0)) == set()


def test_trades_on_a_later_day_than_the_label_are_a_mislabelled_session() -> None:
    assert judge(built_chain(DAYS[0], traded_on=DAYS[1])) == {("mislabelled", "all")}


def test_the_same_volumes_and_open_interest_as_an_earlier_session_are_a_repeat(tmp_path: Path) -> None:
    good = built_chain(DAYS[0])
    again = built_chain(DAYS[2], volume=good["volume"].to_list(), open_interest=good["open_interest"].to_list())
    assert judge(again, panel_of(tmp_path, good, built_chain(DAYS[1]))) == {("repeated", "all")}


def test_repeated_volumes_beside_new_open_interest_leave_the_open_interest(tmp_path: Path) -> None:
    good = built_chain(DAYS[0])
    again = built_chain(DAYS[1], volume=good["volume"].to_list())
    assert judge(again, panel_of(tmp_path, good)) == {("repeated", "volume"), ("repeated", "quotes")}


def test_a_third_of_the_rows_gone_is_incomplete(tmp_path: Path) -> None:
    panel = panel_of(tmp_path, built_chain(DAYS[0]))
    assert judge(built_chain(DAYS[1], strikes=[90.0, 95.0, 100.0]), panel) == {("incomplete", "all")}
    assert judge(built_chain(DAYS[1], strikes=[90.0, 95.0, 100.0, 105.0, 110.0]), panel) == set()


def test_expired_contracts_are_not_missing(tmp_path: Path) -> None:
    expiring, later = DAYS[0], date(2026, 12, 18)
    panel = panel_of(tmp_path, built_chain(DAYS[0], expiries=[expiring, later]))
    assert judge(built_chain(DAYS[1], expiries=[later]), panel) == set()


def test_what_is_not_trusted_becomes_null_with_its_reason_and_nothing_else_does() -> None:
    stale = built_chain(DAYS[1], traded_on=DAYS[0])
    verdicts = quality.judge(stale, Panel.empty(), None, stale["quote_time"][0])
    trusted, reasons = quality.apply(stale, verdicts)
    assert trusted["volume"].null_count() == trusted["bid"].null_count() == stale.height
    assert trusted["open_interest"].equals(stale["open_interest"])
    assert reasons.filter(pl.col("field") == "volume")["reason"].to_list() == [
        "ABC: no trade newer than 2026-08-03; the volumes are not those of session 2026-08-04"
    ]


def test_one_untrusted_underlying_leaves_the_others_alone() -> None:
    both = pl.concat([built_chain(DAYS[1], traded_on=DAYS[0]), built_chain(DAYS[1], underlying="XYZ")])
    verdicts = quality.judge(both, Panel.empty(), None, both["quote_time"][0])
    trusted, _ = quality.apply(both, verdicts)
    assert trusted.filter(pl.col("underlying") == "XYZ").equals(both.filter(pl.col("underlying") == "XYZ"))
    assert set(verdicts["underlying"]) == {"ABC"}
