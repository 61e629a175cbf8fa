# ruff: noqa: F811 # a fixture that is imported is named again where it is asked for
"""moomoo's own ranks of contracts: as rows of a dated ranking, and from the command line beside a store."""

from __future__ import annotations

import csv
import io
import json
import sys
from datetime import date
from types import SimpleNamespace
from typing import Any

import pytest
from opend_stub import OpenD, client, package, ranked
from standard import calendar
from test_sources_moomoo import Shell, listening, shell  # noqa: F401

from scanner.market.vendor_ranks import RankedBy, Ranking
from scanner.sources import moomoo
from scanner.sources.access import VendorError
from scanner.sources.http import HttpError
from scanner.sources.opend import OpenDClient

DAY = date(2026, 7, 15)


def ranks(opend: OpenD, *tickers: str, day: date | None = None, most: int = 50, **asked: Any) -> Ranking:
    source = moomoo.MoomooSource(moomoo.Access(moomoo.VENDORS["moomoo"], client(opend)), calendar)
    by = asked.pop("by", RankedBy.oi_increase)
    return source.ranks(by, tickers, day, most, indices=asked.pop("indices", False))


def said(ranking: Ranking) -> str:
    return "; ".join(ranking.notes)


def test_a_ranked_contract_has_the_vendors_numbers_in_the_units_used_here() -> None:
    (row,) = ranks(OpenD(ranked=[ranked(0)])).rows.to_dicts()
    assert row == {
        "rank": 1, "underlying": "XYZ", "contract": "XYZ260724C00100000", "expiry": date(2026, 7, 24), "strike": 100.0,
        "right": "C", "oi_increase": 1000, "oi_decrease": 0, "open_interest": 4000, "oi_value": 780_000.0,
        "oi_value_increase": 190_000.0, "oi_value_decrease": 0.0, "volume": 1500, "turnover": 292_500.0, "last": 1.95,
        "bid": 1.9, "ask": 2.0, "vendor_iv": 1.295, "vendor_delta": 0.52,
    }  # fmt: skip


def test_a_ranking_says_of_which_session_it_is_and_of_how_many_contracts() -> None:
    found = ranks(OpenD())
    assert (found.source, found.by, found.session, found.there_are) == ("moomoo", "oi-increase", DAY, 5)


def test_what_is_asked_for_is_the_market_the_order_the_session_and_the_names() -> None:
    opend = OpenD()
    ranks(opend, "XYZ", "BRK.B", day=DAY, by=RankedBy.oi_value)
    assert opend.asked == [("ranks", ("us stocks", "oi_market_cap", "2026-07-15", ["US.XYZ", "US.BRK.B"]))]


def test_indices_are_asked_for_in_their_own_market_with_a_dot_before_their_name() -> None:
    opend = OpenD(ranked=[ranked(0, code="US.SPXW260724C5000000")])
    found = ranks(opend, "SPX", indices=True)
    assert opend.asked[0][1] == ("us indices", "oi_increment", None, ["US..SPX"])
    assert found.rows["underlying"].to_list() == ["SPX"]


def test_pages_are_followed_to_the_end_and_no_further_than_so_many_contracts() -> None:
    opend = OpenD(rank_page=2)
    assert ranks(opend).rows["rank"].to_list() == [1, 2, 3, 4, 5]
    assert len(opend.asked) == 3
    few = OpenD(rank_page=2)
    assert ranks(few, most=3).rows["strike"].to_list() == [100.0, 101.0, 102.0]
    assert len(few.asked) == 2


@pytest.mark.parametrize(("most", "stated", "whole"), [(50, 9, False), (5, 9, True), (50, 5, True)])
def test_a_ranking_that_ends_before_what_is_said_to_be_there_is_an_error(most: int, stated: int, whole: bool) -> None:
    opend = OpenD(stated=stated)
    if whole:
        assert ranks(opend, most=most).rows.height == 5
    else:
        with pytest.raises(VendorError, match="5 of 9 ranked contracts"):
            ranks(opend, most=most)


def test_pages_that_come_round_are_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    opend = OpenD(rank_page=2)
    given = opend.get_option_rank
    monkeypatch.setattr(opend, "get_option_rank", lambda *named, **more: given(*named, **{**more, "page": None}))
    with pytest.raises(VendorError, match="do not end"):
        ranks(opend)


def test_a_contract_that_comes_again_counts_once_and_that_others_may_lack_is_said() -> None:
    found = ranks(OpenD(ranked=[ranked(0), ranked(1), ranked(1), ranked(2)], rank_page=2))
    assert found.rows.select("rank", "strike").rows() == [(1, 100.0), (2, 101.0), (3, 102.0)]
    assert "moved while it was read" in said(found)


def test_of_rows_of_a_contract_that_contradict_each_other_none_is_taken() -> None:
    found = ranks(OpenD(ranked=[ranked(0), ranked(1), ranked(1, open_interest=4001), ranked(2)]))
    assert found.rows["strike"].to_list() == [100.0, 102.0]
    assert "'XYZ260724C00101000' comes with different numbers; none of them taken (2 rows)" in said(found)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"code": "HK.TCH260730C500000"}, "no contract of a US option"),
        ({"code": "US.XYZ260231C100000"}, "no contract of a US option"),
        ({"option_type": "PUT"}, "not what its code says"),
        ({"code": "US.XYZ260710C100000"}, "of an expiry before 2026-07-15"),
        ({"code": "US.ABC260724C100000"}, "of a name that was not asked for"),
    ],
)
def test_a_row_that_cannot_be_in_the_ranking_costs_itself_alone(changes: dict[str, Any], reason: str) -> None:
    found = ranks(OpenD(ranked=[ranked(0, **changes), ranked(1)]), "XYZ")
    assert found.rows.select("rank", "strike").rows() == [(2, 101.0)]
    assert f"{reason}; row refused" in said(found)


def test_what_is_not_told_is_null_and_counted() -> None:
    missing = dict.fromkeys(("oi_increment", "open_interest", "iv", "delta"), "N/A")
    found = ranks(OpenD(ranked=[ranked(0, **missing), ranked(1, iv=0.0, option_price=0.0)]))
    assert found.rows.select("oi_increase", "open_interest", "vendor_iv", "vendor_delta", "last").rows() == [
        (None, None, None, None, 1.95),
        (990, 4000, None, 0.52, None),
    ]
    assert "of 1 of 2 contracts: oi_increase, open_interest, last, vendor_delta" in said(found)
    assert "of 2 of 2 contracts: vendor_iv" in said(found)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"oi_decrement": 5}, "both rises and falls"),
        ({"oi_increment": 4001}, "rises by more than there is"),
        ({"oi_increment": -3}, "oi_increase '-3.0' is negative"),
        ({"oi_increment": 2.5}, "oi_increase '2.5' is not a whole number"),
        ({"oi_increment": "many"}, "oi_increase 'many' is not a number"),
    ],
)
def test_a_change_that_cannot_be_is_null_with_the_reason(changes: dict[str, Any], reason: str) -> None:
    found = ranks(OpenD(ranked=[ranked(0, **changes), ranked(1)]))
    assert found.rows["oi_increase"].to_list() == [None, 990]
    assert reason in said(found)


def test_a_delta_that_cannot_be_is_null_with_the_reason() -> None:
    found = ranks(OpenD(ranked=[ranked(0, delta=-52.0), ranked(1, delta=-1.0)]))
    assert found.rows["vendor_delta"].to_list() == [None, -1.0]
    assert "XYZ260724C00100000: a delta beyond 1; left out" in said(found)


def test_an_order_that_is_not_that_of_the_figure_is_said() -> None:
    assert "not that of oi_increase" in said(ranks(OpenD(ranked=[ranked(1), ranked(0)])))
    assert "not that of" not in said(ranks(OpenD()))


def test_figures_of_another_session_than_was_asked_for_are_an_error() -> None:
    with pytest.raises(VendorError, match="asked for 2026-07-14 and answers with 2026-07-15") as error:
        ranks(OpenD(), day=date(2026, 7, 14))
    assert error.value.code == "no_data"


def test_pages_of_two_sessions_are_an_error() -> None:
    with pytest.raises(VendorError, match="2026-07-15 and 2026-07-16: the ranking moved on"):
        ranks(OpenD(ranked=[ranked(0), ranked(1, trading_date="2026-07-16")]))


def test_figures_without_a_session_are_shown_as_such() -> None:
    found = ranks(OpenD(ranked=[ranked(0, trading_date="N/A")]), day=DAY)
    assert found.session is None
    assert "does not say of which session these figures are; 2026-07-15 was asked for" in said(found)


def test_a_session_that_is_no_date_is_an_error() -> None:
    with pytest.raises(VendorError, match="'2026-02-30' is no date"):
        ranks(OpenD(ranked=[ranked(0, trading_date="2026-02-30")]))


def test_a_session_of_which_nothing_is_ranked_is_an_error_that_names_it() -> None:
    with pytest.raises(VendorError, match="it has no ranks of 2026-07-15") as error:
        ranks(OpenD(ranked=[]), day=DAY)
    assert error.value.code == "no_data"


def test_a_name_that_is_not_among_them_is_named() -> None:
    assert "no contract of XYZQ is among them" in said(ranks(OpenD(), "XYZ", "XYZQ"))


@pytest.mark.parametrize("lacking", ["package", "opend"])
def test_a_package_without_ranks_is_said_to_be_old(lacking: str) -> None:
    opend: Any = OpenD() if lacking == "package" else SimpleNamespace()
    known = package(OpenD()) if lacking == "opend" else SimpleNamespace()
    source = moomoo.MoomooSource(
        moomoo.Access(moomoo.VENDORS["moomoo"], OpenDClient(known, opend, None, None, lambda seconds: None)), calendar
    )
    with pytest.raises(HttpError, match="a newer one does"):
        source.ranks(RankedBy.oi_increase, (), None, 5, indices=False)


def test_a_package_that_is_asked_in_another_way_is_an_error_and_no_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    opend = OpenD()
    monkeypatch.setattr(opend, "get_option_rank", lambda market: (0, None))
    with pytest.raises(HttpError, match="in another way"):
        ranks(opend)


# --- from the command line -----------------------------------------------------------------------------------------


@pytest.fixture
def kept(shell: Shell) -> Shell:
    """A store with the open interest of two contracts at the closes of 13 to 15 July."""
    opened = {date(2026, 7, 13): (2000, 2500), date(2026, 7, 14): (3000, 2600), date(2026, 7, 15): (4000, 3590)}
    lines = ["quote_time,underlying,expiry,strike,right,volume,open_interest,bid,ask,spot,oi_asof"]
    for close, interest in opened.items():
        for strike, count in zip((100, 101), interest, strict=True):
            morning = calendar.next_session(close)
            lines.append(f"{morning}T14:00:00Z,XYZ,2026-07-24,{strike},C,500,{count},1.9,2.0,100.25,{close}")
    (shell.folder / "kept.csv").write_text("\n".join(lines) + "\n")
    ran = shell("import", shell.folder / "kept.csv")
    assert ran.code == 0, ran.out + ran.err
    return shell


def test_a_ranking_is_shown_with_its_session_and_the_stores_changes_beside_it(kept: Shell) -> None:
    kept.opend.ranked = [ranked(0), ranked(1), ranked(2)]
    ran = kept("ranks", "XYZ")
    assert ran.code == 0, ran.out + ran.err
    out = " ".join(ran.out.split())
    assert "moomoo's own ranking by increase of open interest, session 2026-07-15: 3 of 3 contracts" in out
    assert "1 XYZ 100 C 24 Jul +1,000 4,000 1,500 +1,000 +1,000" in out
    assert "2 XYZ 101 C 24 Jul +990 4,000 1,500 +990 +100" in out
    assert "3 XYZ 102 C 24 Jul +980 4,000 1,500 - -" in out
    assert "no scan, alert or confirmation rests on them" in out
    assert "Of 2 contracts known here, its change is Own in 2 and Before in 1" in out


def test_the_document_says_whose_numbers_are_whose_and_of_which_closes(kept: Shell) -> None:
    kept.opend.ranked = [ranked(0, oi_increment=0, oi_decrement=7), ranked(2, oi_increment="N/A")]
    told = json.loads(kept("ranks", "--by", "oi-decrease", "--date", "2026-07-15", "--format", "json").out)
    about = ("schema", "source", "ranked_by", "market", "session_date", "asked_date", "as_of", "ranked")
    assert [told[name] for name in about] == [
        1, "moomoo", "oi-decrease", "stocks", "2026-07-15", "2026-07-15", "2026-07-16T18:00:00+00:00", 2,
    ]  # fmt: skip
    assert told["own"] == {
        "source": "canonical", "session_date": "2026-07-15", "session_before": "2026-07-14", "known": 1,
        "same_as_session": 0, "same_as_session_before": 0,
    }  # fmt: skip
    first, second = told["contracts"]
    assert (first["oi_change"], first["own_oi_change"], first["own_oi_change_before"]) == (-7, 1000, 1000)
    assert (first["own_open_interest"], first["own_reason"]) == (4000, None)
    assert (second["oi_change"], second["own_oi_change"]) == (None, None)
    assert second["own_reason"] == "no stored chain tells it of the close of 2026-07-15"


def test_every_line_of_the_table_for_spreadsheets_is_dated_and_no_formula(shell: Shell) -> None:
    shell.opend.ranked = [ranked(0, name="=cmd|' /C calc'!A0"), ranked(1)]
    rows = list(csv.DictReader(io.StringIO(shell("ranks", "--format", "csv").out)))
    assert [(row["source"], row["session_date"], row["rank"]) for row in rows] == [
        ("moomoo", "2026-07-15", "1"),
        ("moomoo", "2026-07-15", "2"),
    ]
    assert all(not value.startswith(("=", "@")) for row in rows for value in row.values())


def test_nothing_of_a_ranking_is_stored(shell: Shell) -> None:
    shell("ranks")
    kept = {path.name for path in (shell.folder / "store").rglob("*") if path.is_file()}
    assert {name.partition(".")[0] for name in kept} == {"vendors"}  # how often it was asked


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--by", "oi-incraese"), "oi-increase"),
        (("--date", "2026-07-11"), "no session of the exchange; the one before is 2026-07-10"),
        (("--date", "2026-07-12"), "no session of the exchange; the one before is 2026-07-10"),
        (("--date", "2026-07-17"), "has not come yet; the newest is 2026-07-16"),
        (("--date", "yesterday"), "expected a date such as"),
        (("XYZ", "SPX"), "indices are ranked apart"),
        (("XYZ", "--indices"), "indices are ranked apart"),
        (("--source", "cboe"), "cboe gives no ranks; those that do: moomoo"),
    ],
)
def test_what_cannot_be_asked_for_is_said_before_anything_is_asked(
    words: tuple[str, ...],
    sentence: str,
    shell: Shell,
) -> None:
    ran = shell("ranks", *words)
    assert ran.code == 2
    assert sentence in " ".join(ran.err.split())
    assert shell.opend.asked == []


@pytest.mark.parametrize(
    ("refused", "way_out"),
    [
        ("This request is too frequent, at most 10 times every 30s", "wait half a minute"),
        ("No permission to get US option quotes", "right to US option quotes"),
        ("Not logged in", "log in to OpenD"),
        ("Unknown protocol ID: 3306", "install a newer OpenD"),
        ("Disconnected from OpenD", "is OpenD running?"),
        ("something new", "answers without success"),
    ],
)
def test_what_opend_refuses_is_told_in_its_words_with_a_way_out(
    refused: str,
    way_out: str,
    shell: Shell,
) -> None:
    shell.opend.refusing["ranks"] = refused
    ran = shell("ranks")
    assert ran.code == 3
    assert refused in " ".join(ran.err.split())
    assert way_out in " ".join(ran.err.split())


def test_without_the_package_it_is_said_how_to_get_it(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("moomoo", "futu"):
        monkeypatch.setitem(sys.modules, name, None)
    ran = shell("ranks")
    assert ran.code == 2
    assert "[moomoo]" in ran.err


def test_an_opend_that_does_not_run_is_said_to_be_so(shell: Shell) -> None:
    shell.port = 9
    ran = shell("ranks")
    assert ran.code == 3
    assert "start OpenD and log in" in " ".join(ran.err.split())
