"""Which recorded chains are parts of one chain, by what they hold and when, and what becomes of them joined."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest
from built_chains import built_chain
from hypothesis import given
from hypothesis import strategies as st

from scanner.market import parts

DAY = date(2026, 8, 3)
NOON = datetime(2026, 8, 3, 16, tzinfo=UTC)
EXPIRIES = ("A", "B", "C")
WHOLE = frozenset(f"{expiry}{right}{strike}" for expiry in EXPIRIES for right in "CP" for strike in range(9))


def only(*starts: str) -> frozenset[str]:
    """The contracts of some expiries (``A``), or of one right of them (``AC``)."""
    return frozenset(name for name in WHOLE if name.startswith(starts))


def grouped(*held: tuple[float, frozenset[str]]) -> list[list[int]]:
    """The numbers of the parts (minutes from noon, contracts) by the pull they are found to belong to."""
    known = [
        parts.Part(number, NOON + timedelta(minutes=minutes), str(sorted(contracts)), lambda held=contracts: held)
        for number, (minutes, contracts) in enumerate(held)
    ]
    return [[part.item for part in pull.parts] for pull in parts.pulls(known)]


@pytest.mark.parametrize(
    "starts",
    [("A", "B", "C"), ("AC", "AP", "BC", "BP", "CC", "CP")],
    ids=["by expiry", "by expiry and right"],
)
@pytest.mark.parametrize("apart", [0, 1 / 60, 2])
def test_pieces_of_a_chain_seconds_or_minutes_apart_or_without_a_moment_are_one_pull(
    starts: tuple[str, ...], apart: float
) -> None:
    held = [(number * apart, only(start)) for number, start in enumerate(starts)]
    assert grouped(*held) == [list(range(len(starts)))]


def test_calls_and_puts_are_one_pull() -> None:
    assert grouped((0, only("AC", "BC", "CC")), (1, only("AP", "BP", "CP"))) == [[0, 1]]


@pytest.mark.parametrize("apart", [0, 1, 15])
def test_two_whole_pulls_stay_two_however_near(apart: int) -> None:
    assert grouped((0, WHOLE), (apart, WHOLE)) == [[0], [1]]


def test_whole_pulls_stay_two_where_strikes_were_listed_in_between() -> None:
    assert grouped((0, WHOLE), (5, WHOLE | {"AC9", "AP9"})) == [[0], [1]]
    assert grouped((0, WHOLE), (5, WHOLE - {"AC0", "AP0"})) == [[0], [1]]


def test_two_pulls_that_each_came_in_pieces_stay_two() -> None:
    held = [(minute + number / 60, only(expiry)) for minute in (0, 5) for number, expiry in enumerate(EXPIRIES)]
    assert grouped(*held) == [[0, 1, 2], [3, 4, 5]]


def test_pieces_more_than_a_quarter_of_an_hour_apart_are_no_chain() -> None:
    assert grouped((0, only("A")), (15, only("B"))) == [[0, 1]]
    assert grouped((0, only("A")), (15.1, only("B"))) == [[0], [1]]


def test_a_chain_that_takes_longer_than_that_to_pull_is_one_while_its_pieces_follow_each_other() -> None:
    assert grouped((0, only("A")), (12, only("B")), (24, only("C"))) == [[0, 1, 2]]
    slow = [(number * 14, only(start)) for number, start in enumerate(("AC", "AP", "BC", "BP", "CC", "CP"))]
    assert grouped(*slow) == [[0, 1, 2, 3, 4], [5]], "but no longer than an hour"


def test_a_piece_pulled_again_renews_its_part_of_the_chain() -> None:
    assert grouped((0, WHOLE), (5, only("B"))) == [[0, 1]]
    assert grouped((0, only("A")), (1, only("B")), (5, only("A"))) == [[0, 1, 2]]


def test_pages_that_overlap_are_one_chain() -> None:
    assert grouped((0, only("A", "BC")), (1, only("B", "CC")), (2, only("C"))) == [[0, 1, 2]]


@given(st.permutations(range(6)))
def test_the_order_in_which_pieces_are_found_does_not_matter(order: list[int]) -> None:
    held = [
        (number / 60, only(expiry + right))
        for number, (expiry, right) in enumerate((expiry, right) for expiry in EXPIRIES for right in "CP")
    ]
    assert [sorted(group) for group in grouped(*(held[number] for number in order))] == [[0, 1, 2, 3, 4, 5]]


def test_contracts_are_not_read_where_all_pulls_list_the_same() -> None:
    def never() -> list[str]:
        raise AssertionError("read")

    known = [parts.Part(number, NOON + timedelta(minutes=number), "same", never) for number in range(30)]
    assert len(parts.pulls(known)) == 30


def test_a_joined_chain_holds_each_contract_once_by_its_newest_quote_as_of_the_newest_moment() -> None:
    old = built_chain(DAY, quote_time=NOON, volume=5, spot=100.0)
    new = built_chain(DAY, quote_time=NOON + timedelta(minutes=1), volume=7, spot=101.0).filter(pl.col("right") == "C")
    joined = parts.join([old, new])
    assert joined.height == 20
    assert dict(joined.group_by("right").agg(pl.col("volume").sum()).iter_rows()) == {"C": 70, "P": 50}
    assert joined["quote_time"].unique().to_list() == [NOON + timedelta(minutes=1)]
    assert joined["spot"].unique().to_list() == [101.0]
    assert joined.select("root", "expiry", "strike", "right").equals(
        joined.select("root", "expiry", "strike", "right").sort("root", "expiry", "strike", "right")
    )


def test_of_two_quotes_of_one_moment_the_one_with_more_volume_counts_in_either_order() -> None:
    less, more = (built_chain(DAY, quote_time=NOON, volume=volume) for volume in (5, 7))
    assert parts.join([less, more])["volume"].unique().to_list() == [7]
    assert parts.join([more, less])["volume"].unique().to_list() == [7]


def test_the_price_of_the_underlying_is_the_newest_that_any_part_has() -> None:
    first = built_chain(DAY, quote_time=NOON, spot=100.0).filter(pl.col("right") == "C")
    second = built_chain(DAY, quote_time=NOON + timedelta(seconds=2), spot=None).filter(pl.col("right") == "P")
    assert parts.join([first, second])["spot"].unique().to_list() == [100.0]


def test_zeros_kept_in_a_part_without_a_quote_mean_no_quote_in_a_chain_that_has_some() -> None:
    quoted = built_chain(DAY, quote_time=NOON).filter(pl.col("right") == "C")
    zeros = built_chain(DAY, quote_time=NOON, columns={"bid": 0.0, "ask": 0.0}).filter(pl.col("right") == "P")
    assert parts.without_empty_quotes(zeros)["ask"].to_list() == [0.0] * 10
    assert parts.join([quoted, zeros]).filter(pl.col("right") == "P")["ask"].to_list() == [None] * 10


def test_what_was_joined_is_said_with_its_moments() -> None:
    moments = [datetime(2026, 8, 20, 20, 30, second, tzinfo=UTC) for second in (5, 0, 3)]
    assert parts.told("6 files", moments, 54) == "6 files, one chain of 54 contracts, quotes 20:30:00-20:30:05 UTC"
    assert parts.told("2 files", moments[:1] * 2, 54) == "2 files, one chain of 54 contracts, quotes 20:30:05 UTC"
