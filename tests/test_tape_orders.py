"""Orders out of prints, campaigns out of orders, and the names of packages."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from scanner.tape import prints
from scanner.tape.reading import Reading, read

MILLISECOND = 1_000_000
BEGIN = 1_796_050_800_000 * MILLISECOND
CALL = "GOOG261218C00235000"
VENUES = ["XCBO", "XPHL", "XISX", "BATO", "ARCO", "AMXO", "XNDQ", "XMIO", "EMLD", "GMNI", "XBOX", "MPRL"]


def reading(*rows: dict) -> Reading:
    """Prints at the ask, by default one lot each on venues of their own; ``ms`` says when."""
    usual = {"contract": CALL, "price": 1.6, "size": 5, "condition": "auto", "bid": 1.4, "ask": 1.6}
    listed = [
        {**usual, "exchange": VENUES[number % 12], **row, "time": BEGIN + round(row.get("ms", 0) * MILLISECOND)}
        for number, row in enumerate(rows)
    ]
    frame = pl.DataFrame(listed, infer_schema_length=None).drop("ms", strict=False)
    return read(prints.conform(frame, source="here"))


def lots(found: Reading) -> list[int]:
    return found.orders["lots"].to_list()


def test_fills_on_several_venues_within_the_window_are_one_order():
    found = reading({"ms": 0}, {"ms": 40}, {"ms": 120}, {"ms": 299})
    assert lots(found) == [20]
    order = found.orders.row(0, named=True)
    assert (order["fills"], order["venues"], order["swept"]) == (4, 4, True)
    assert order["span_ms"] == pytest.approx(299)
    assert order["premium"] == pytest.approx(20 * 1.6 * 100)


def test_two_fills_alone_belong_together_within_250_ms():
    assert lots(reading({"ms": 0}, {"ms": 249})) == [10]
    assert lots(reading({"ms": 0}, {"ms": 251})) == [5, 5]


def test_a_fill_at_another_price_belongs_to_what_came_just_before():
    assert lots(reading({"ms": 0}, {"ms": 15, "price": 1.61}, {"ms": 100, "price": 1.61})) == [15]
    assert lots(reading({"ms": 0}, {"ms": 40}, {"ms": 80, "price": 1.61, "size": 7})) == [10, 7]


def test_an_order_knows_its_average_and_its_range():
    order = reading({"price": 1.60, "size": 30}, {"ms": 5, "price": 1.70, "size": 10}).orders.row(0, named=True)
    assert (order["price"], order["low"], order["high"]) == (pytest.approx(1.625), 1.6, 1.7)


def test_two_orders_within_a_second_stay_two():
    assert lots(reading({"ms": 0}, {"ms": 30}, {"ms": 700}, {"ms": 760})) == [10, 10]


def test_both_sides_of_the_quote_are_never_one_order():
    assert lots(reading({"size": 20}, {"ms": 10, "price": 1.4, "size": 30})) == [20, 30]


def test_contracts_are_never_one_order():
    assert lots(reading({"size": 20}, {"ms": 10, "contract": "GOOG261218C00240000", "size": 30})) == [20, 30]


def test_a_venue_that_comes_again_after_a_pause_begins_another_order():
    rows = [{"ms": 0, "exchange": "XCBO"}, {"ms": 10, "exchange": "XPHL"}, {"ms": 200, "exchange": "XCBO"},
            {"ms": 210, "exchange": "XISX"}]  # fmt: skip
    assert lots(reading(*rows)) == [10, 10]


def test_venues_are_told_apart_whatever_words_were_met_before_them():
    # Two of 65 words are alike in whatever has 64 values.
    words = [f"VENUE{number}" for number in range(65)]
    alike: dict[int, list[str]] = {}
    for word, code in zip(words, pl.Series(words).cast(pl.Categorical).to_physical(), strict=True):
        alike.setdefault(code % 64, []).append(word)
    one, other = next(pair for pair in alike.values() if len(pair) > 1)[:2]
    order = reading({"ms": 0, "exchange": one}, {"ms": 100, "exchange": other}).orders.row(0, named=True)
    assert (order["lots"], order["venues"]) == (10, 2)


def test_a_venue_may_fill_in_pieces_at_once():
    rows = [{"ms": 0, "exchange": "XCBO"}, {"ms": 1, "exchange": "XCBO"}, {"ms": 8, "exchange": "XPHL"}]
    assert lots(reading(*rows)) == [15]


def test_a_few_single_lots_that_meet_by_chance_stay_apart():
    assert lots(reading(*({"ms": 20 * number, "size": 1} for number in range(4)))) == [1, 1, 1, 1]


def test_what_the_exchange_marks_is_a_sweep_even_on_one_venue():
    found = reading({"condition": "isoi"})
    assert found.orders["swept"].to_list() == [True]


def test_auction_fills_of_one_instant_and_venue_are_one_order_and_no_sweep():
    found = reading(*({"condition": "slan", "exchange": "XISX", "ms": 0.01 * number} for number in range(3)))
    assert lots(found) == [15]
    assert found.orders["swept"].to_list() == [False]
    apart = reading({"condition": "slan", "exchange": "XISX"}, {"condition": "slan", "exchange": "XPHL", "ms": 0.01})
    assert lots(apart) == [5, 5]


def test_legs_of_packages_and_what_is_apart_are_no_orders():
    assert reading({"condition": "mlet"}, {"condition": "cbmo", "size": 5000}).orders.is_empty()


def test_a_block_is_fifty_lots_and_ten_usual_orders():
    usual = [{"ms": 2000 * number, "size": 8} for number in range(5)]
    found = reading(*usual, {"ms": 20_000, "size": 79}, {"ms": 40_000, "size": 80})
    assert found.orders.filter("block")["lots"].to_list() == [80]
    assert found.orders["usual_lots"].to_list() == [8.0] * 7
    one_lots = reading(*({"ms": 2000 * number, "size": 1} for number in range(5)), {"ms": 20_000, "size": 49})
    assert not one_lots.orders["block"].any()


def sweeps(seed: int, count: int, longest_ms: float) -> tuple[list[dict], list[set[int]]]:
    """Orders over 2 to 12 venues with jitter, seconds apart on the average, many within one second of another."""
    rng = np.random.default_rng(seed)
    rows, orders, moment = [], [], 0.0
    for _ in range(count):
        moment += longest_ms + float(rng.choice([rng.uniform(150, 700), rng.exponential(20_000)]))
        side, venues = rng.choice(["1.4", "1.6"]), rng.permutation(VENUES)[: rng.integers(2, 13)]
        fills = [
            {
                "ms": moment + rng.uniform(0, longest_ms),
                "exchange": venue,
                "price": float(side),
                "size": int(rng.integers(5, 40)),
            }
            for venue in venues
        ]
        orders.append(set(range(len(rows), len(rows) + len(fills))))
        rows += fills
    return rows, orders


@pytest.mark.parametrize("longest_ms", [0.001, 50, 150, 300])
def test_sweeps_over_two_to_twelve_venues_are_put_together_as_they_were_sent(longest_ms):
    rows, sent = sweeps(7, 400, longest_ms)
    numbered = [{**row, "sequence": number} for number, row in enumerate(rows)]
    kept = reading(*numbered).prints
    found = {frozenset(part["sequence"]) for part in kept.partition_by("order")}
    right = found & set(map(frozenset, sent))
    assert len(right) / len(found) >= 0.95  # precision
    assert len(right) / len(sent) >= 0.95  # recall


def test_orders_that_come_again_within_minutes_are_one_campaign():
    minute = 60_000
    same_side = [{"ms": minute * number, "size": 40} for number in (0, 2, 4, 8)]
    others = [{"ms": minute * 1, "size": 40, "price": 1.4}, {"ms": minute * 30, "size": 40}]
    usual = [{"ms": minute * (60 + 10 * number) + 30_000, "size": 1} for number in range(9)]
    found = reading(*same_side, *others, *usual).campaigns
    assert found.select("orders", "lots").rows() == [(4, 160)]
    row = found.row(0, named=True)
    assert (row["ends"] - row["begins"]).total_seconds() == 8 * 60
    assert row["buy_chance"] > 0.5


def legs(*contracts: str, sizes: tuple[int, ...] = (10, 10, 10, 10), condition: str = "mlet") -> dict:
    rows = [
        {"contract": name, "size": size, "exchange": "XISX", "condition": condition, "ms": 0.1 * number}
        for number, (name, size) in enumerate(zip(contracts, sizes, strict=False))
    ]
    found = reading(*rows).packages
    assert found.height == 1
    return found.row(0, named=True)


@pytest.mark.parametrize(
    ("contracts", "sizes", "name"),
    [
        (["GOOG261218C00235000", "GOOG261218C00240000"], (10, 10), "vertical"),
        (["GOOG261218C00235000", "GOOG261218C00240000"], (10, 20), "vertical, unequal sizes"),
        (["GOOG261218C00235000", "GOOG261218P00235000"], (10, 10), "straddle or synthetic"),
        (["GOOG261218C00240000", "GOOG261218P00230000"], (10, 10), "strangle or risk reversal"),
        (["GOOG261218C00235000", "GOOG270115C00235000"], (10, 10), "calendar or roll"),
        (["GOOG261218P00235000", "GOOG270115P00230000"], (10, 10), "diagonal or roll"),
        (["GOOG261218C00235000", "GOOG261218C00240000", "GOOG261218C00245000"], (10, 20, 10), "butterfly"),
        (["GOOG261218C00235000", "GOOG261218C00240000", "GOOG261218C00245000"], (10, 10, 10), "several legs"),
        (["GOOG261218C00235000"], (10,), "one leg, the others not seen"),
        (["GOOG261218C00235000", "GOOG261218C00240000", "GOOG261218P00235000", "GOOG261218P00240000"],
         (5, 5, 5, 5), "box"),
        (["GOOG261218C00240000", "GOOG261218C00245000", "GOOG261218P00230000", "GOOG261218P00225000"],
         (5, 5, 5, 5), "iron condor or butterfly"),
    ],
)  # fmt: skip
def test_a_package_is_named_by_its_legs(contracts, sizes, name):
    assert legs(*contracts, sizes=sizes)["structure"] == name


def test_legs_with_stock_say_so():
    found = legs("GOOG261218C00240000", "GOOG261218P00230000", condition="tlet")
    assert (found["structure"], found["with_stock"]) == ("collar or conversion, with stock", True)
    assert legs("GOOG261218C00240000", condition="tlet")["structure"] == "option with stock"


def test_fills_of_one_leg_are_one_leg_and_the_smallest_leg_tells_the_size():
    rows = [
        {"contract": CALL, "size": 4}, {"contract": CALL, "size": 6, "ms": 0.2},
        {"contract": "GOOG261218C00240000", "size": 10, "ms": 0.3},
    ]  # fmt: skip
    found = reading(*({**row, "exchange": "XISX", "condition": "mlet"} for row in rows)).packages
    assert found.select("legs", "lots", "structure").rows() == [(2, 10, "vertical")]


@pytest.mark.parametrize(
    "other", [{"ms": 2.0}, {"exchange": "XPHL"}, {"condition": "mlat"}, {"contract": "AMZN261218C00240000"}]
)
def test_another_time_venue_condition_or_name_is_another_package(other):
    first = {"exchange": "XISX", "condition": "mlet"}
    found = reading(first, {**first, "contract": "GOOG261218C00240000", "ms": 0.2, **other}).packages
    assert found["legs"].to_list() == [1, 1]
