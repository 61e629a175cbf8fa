"""The tape's fields by numbers worked out by hand: of contracts, expiries, underlyings, and what stands without one."""

from __future__ import annotations

from datetime import UTC, date, datetime

import polars as pl
import pytest
from built_chains import built_chain
from standard import calendar

from scanner import app, pipeline
from scanner.fields import of
from scanner.history.known_before import KnownBefore
from scanner.history.panel import Panel
from scanner.metrics import tape
from scanner.tape import prints as contract_of_prints
from scanner.tape.rarity import Reference, surprise

DAY = date(2026, 7, 30)
CLOSE = datetime(2026, 7, 30, 20, tzinfo=UTC)
OPEN = 1_785_418_200_000_000_000  # 2026-07-30 13:30 UTC in nanoseconds
SECOND = 1_000_000_000
CALL, PUT, LATER = "ABC260918C00100000", "ABC260918P00100000", "ABC261218C00110000"
AT_ASK, AT_BID = {"price": 2.2}, {"price": 1.8}


def printed(*rows: dict) -> pl.DataFrame:
    """Prints of the call, quoted 1.80 to 2.20, a minute apart, by the book of one venue, unless told otherwise."""
    usual = {"contract": CALL, "size": 5, "condition": "auto", "exchange": "XCBO", "bid": 1.8, "ask": 2.2}
    listed = [{**usual, "time": OPEN + 60 * number * SECOND, **row} for number, row in enumerate(rows)]
    found = contract_of_prints.conform(pl.DataFrame(listed, infer_schema_length=None), source="test")
    assert found.problems == ()
    return found.prints


def judged(found: pl.DataFrame | None) -> pipeline.Judged:
    chain = built_chain(DAY, volume=100)
    known = KnownBefore(Panel.empty("test", calendar=calendar), prints=found)
    return pipeline.judge(chain, known, CLOSE, [])


def contract(found: pipeline.Judged, name: str = CALL) -> dict:
    return found.frames["contract"].row(by_predicate=pl.col("contract") == name, named=True)


def test_lots_are_on_a_side_by_their_chance_and_money_is_what_was_paid():
    """At the ask of 2.20 a customer bought with a chance of 0.62, at the bid of 1.80 with 0.38; packages tell none."""
    found = contract(
        judged(printed({"size": 30, **AT_ASK}, {"size": 10, **AT_BID}, {"size": 20, "price": 2.0, "condition": "mlet"}))
    )
    assert found["buy_lots"] == pytest.approx(30 * 0.62 + 10 * 0.38)
    assert found["sell_lots"] == pytest.approx(30 * 0.38 + 10 * 0.62)
    assert found["unsided_lots"] == 20
    assert found["premium"] == pytest.approx((30 * 2.2 + 10 * 1.8 + 20 * 2.0) * 100)
    assert found["vwap"] == pytest.approx((30 * 2.2 + 10 * 1.8 + 20 * 2.0) / 60)
    assert found["net_premium"] == pytest.approx((30 * 2.2 * 0.24 - 10 * 1.8 * 0.24) * 100)


def test_shares_are_of_all_lots_and_one_lots_of_all_prints():
    rows = [
        {"size": 1, **AT_ASK}, {"size": 1, **AT_BID}, {"size": 8, **AT_ASK, "condition": "slan"},
        {"size": 20, "price": 2.0, "condition": "mlft"}, {"size": 10, **AT_ASK, "condition": "slft"},
    ]  # fmt: skip
    found = contract(judged(printed(*rows)))
    assert (found["prints"], found["orders"]) == (5, 4)
    assert found["one_lot_share"] == pytest.approx(2 / 5)
    assert found["auction_share"] == pytest.approx(8 / 40)
    assert found["multi_leg_share"] == pytest.approx(20 / 40)
    assert found["floor_share"] == pytest.approx(30 / 40)


def test_blocks_and_sweeps_are_counted_by_the_orders_they_are():
    """The usual order is 4 lots, so a block is one of 50: the sweep of 30 and 40 is one, the order of 45 is not."""
    usual = [{"size": 4, **AT_ASK}] * 5
    sweep = [{"size": size, "exchange": venue, "time": OPEN + 3600 * SECOND + wait, **AT_ASK} for size, venue, wait in
             ((30, "XCBO", 0), (40, "XPHL", 50_000_000))]  # fmt: skip
    found = contract(judged(printed(*usual, *sweep, {"size": 45, "time": OPEN + 7200 * SECOND, **AT_ASK})))
    assert (found["orders"], found["largest_order"], found["usual_order"]) == (7, 70, 4.0)
    assert (found["block_lots"], found["sweep_lots"]) == (70, 70)
    assert found["block_share"] == found["sweep_share"] == pytest.approx(70 / 135)


def test_late_prints_count_as_volume_and_compression_for_nothing():
    found = contract(
        judged(
            printed(
                {"size": 10, **AT_ASK},
                {"size": 5, **AT_ASK, "condition": "late"},
                {"size": 900, **AT_ASK, "condition": "cbmo"},
            )
        )
    )
    assert (found["prints"], found["unsided_lots"]) == (2, 5)
    assert found["premium"] == pytest.approx(15 * 2.2 * 100)


def test_a_contract_that_did_not_trade_has_none_of_each_and_no_shares():
    found = contract(judged(printed(AT_ASK)), PUT)
    assert {found[name] for name in ("prints", "orders", "block_lots", "sweep_lots", "unsided_lots")} == {0}
    assert (found["buy_lots"], found["sell_lots"], found["net_premium"]) == (0.0, 0.0, 0.0)
    assert {found[name] for name in ("block_share", "one_lot_share", "largest_order", "vwap")} == {None}


def test_money_and_delta_of_customers_are_summed_over_calls_and_puts_by_expiry_and_name():
    rows = [{"size": 10, **AT_ASK}, {"size": 20, **AT_BID, "contract": PUT}, {"size": 40, **AT_ASK, "contract": LATER}]
    found = judged(printed(*rows))
    calls, puts, later = 10 * 2.2 * 0.24 * 100, -20 * 1.8 * 0.24 * 100, 40 * 2.2 * 0.24 * 100
    name = found.frames["underlying"].row(0, named=True)
    near = found.frames["expiry"].row(by_predicate=pl.col("expiry") == date(2026, 9, 18), named=True)
    assert (name["net_call_premium"], name["net_put_premium"]) == (pytest.approx(calls + later), pytest.approx(puts))
    assert (near["net_call_premium"], near["net_put_premium"]) == (pytest.approx(calls), pytest.approx(puts))
    delta = {row["contract"]: row["delta"] for row in found.frames["contract"].iter_rows(named=True)}
    expected = (10 * delta[CALL] - 20 * delta[PUT]) * 0.24 * 100
    assert near["net_delta"] == pytest.approx(expected)
    assert near["net_delta"] > 0  # calls bought, puts sold


def test_without_a_tape_every_field_of_it_is_missing_and_the_reason_is_told():
    found = judged(None)
    names = [name for name in of("contract") if name in tape._FIELDS]
    assert len(names) == 20
    assert found.frames["contract"].select(pl.col(names).null_count()).row(0) == (20,) * 20
    assert found.frames["underlying"].select("net_call_premium", "net_put_premium", "net_delta").row(0) == (None,) * 3
    reasons = tape.without(found.frames["contract"])
    assert ("ABC", "sweep_lots", tape.NOT_THERE) in reasons.rows()
    assert ("ABC", "net_delta", tape.NOT_THERE) in reasons.rows()


def test_the_premium_without_a_tape_is_the_estimate_it_was():
    row = contract(judged(None))
    assert row["premium"] == pytest.approx(row["volume"] * row["mid"] * 100)


def test_a_tape_that_has_other_lots_than_the_chain_or_other_contracts_is_told_of():
    notes = judged(
        printed({"size": 30, **AT_ASK}, {"size": 7, **AT_ASK, "contract": "ABC260918C00500000"})
    ).measured.tape_notes
    assert notes == (
        "tape: 7 lots are of a contract that the chain does not list, such as ABC260918C00500000",
        "ABC: the tape has 37 lots, the chain 2,000; its fields are of the tape alone",
    )


def test_the_chance_of_a_largest_order_is_its_rank_among_contracts_like_it():
    """A thousand contracts of 10 orders each with largest orders 1 to 1,000: 901 or more is one in ten."""
    pool = pl.DataFrame({"orders": [10] * 1000, "largest_order": list(range(1, 1001))})
    asked = pl.DataFrame({"orders": [10, 10, 10, 0], "largest_order": [901, 501, 1, None]})
    found = surprise(asked, Reference.of(pool), own=False).to_list()
    assert found[:3] == pytest.approx([1.0, 0.301, 0.0], abs=0.005)
    assert found[3] is None


def test_beyond_what_was_seen_the_chance_goes_on_by_the_tail():
    """Of a Pareto tail with index 1.5 the chance of 1,000 or more is 1,000 ** -1.5, one in 31,623."""
    ranks = (pl.Series(range(10_000)) + 0.5) / 10_000
    pool = pl.DataFrame({"orders": [10] * 10_000, "largest_order": (ranks ** (-1 / 1.5)).ceil().cast(pl.Int64)})
    asked = pl.DataFrame({"orders": [10], "largest_order": [1_000]})
    assert surprise(asked, Reference.of(pool), own=False)[0] == pytest.approx(4.5, abs=0.3)


def test_too_few_contracts_alike_tell_no_chance():
    pool = pl.DataFrame({"orders": [10] * 99, "largest_order": [5] * 99})
    assert surprise(pool, Reference.of(pool), own=True).null_count() == 99


def test_a_chain_shows_the_tape_that_was_imported_as_it_was_known_then(tmp_path):
    for day in ("2025-06-12", "2025-06-13"):
        file = tmp_path / f"{day}.parquet"
        app.tape("KO", source="simulated", as_of=day).prints.write_parquet(file)
        app.import_chains(file, store=tmp_path / "store")
    noon, close = (
        app.chain("KO", source="simulated", as_of=moment, store=tmp_path / "store").frame
        for moment in ("2025-06-13T12:00:00-04:00", "2025-06-13")
    )
    assert 0 < noon["prints"].sum() < close["prints"].sum()
    whole = app.tape("KO", store=tmp_path / "store")
    assert close["prints"].sum() == whole.reading.prints.filter(pl.col("use") != "apart").height
    sides = close.select(total=pl.sum_horizontal("buy_lots", "sell_lots", "unsided_lots").sum()).item()
    assert sides == pytest.approx(whole.reading.prints.filter(pl.col("use") != "apart")["size"].sum())
    assert close["largest_order_surprise"].max() > 1
