"""The metrics of strikes, expiries, underlyings and the market: every expected value was worked out by hand."""

from __future__ import annotations

from datetime import UTC, date, datetime

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from standard import calendar, conform

from scanner.market import chain
from scanner.metrics import expiry, market, positioning, strike, underlying

SESSION = date(2025, 9, 3)
NEAR, FAR = date(2025, 9, 12), date(2025, 10, 17)  # 9 and 44 days away; the second is a third Friday


def contracts(*rows: dict[str, object]) -> pl.DataFrame:
    """A priced chain of the given rows: whatever a row does not say is plain."""
    plain = {
        "source": "files",
        "simulated": False,
        "session_date": SESSION,
        "quote_time": datetime(2025, 9, 3, 20, tzinfo=UTC),
        "underlying": "GOOG",
        "root": "GOOG",
        "expiry": NEAR,
        "right": "C",
        "spot": 230.0,
    }
    extra = {"mid": pl.Float64, "gamma": pl.Float64, "delta": pl.Float64, "iv": pl.Float64, "years": pl.Float64}
    base = conform(pl.DataFrame([{**plain, **row} for row in rows], schema_overrides={"volume": pl.Int64}))
    wanted = pl.DataFrame(
        [
            {name: row.get(name) for name in ("root", "expiry", "strike", "right", *extra)}
            for row in [{**plain, **row} for row in rows]
        ],
        schema_overrides={**extra, "right": chain.RIGHT},
    )
    joined = base.join(wanted, on=["root", "expiry", "strike", "right"], maintain_order="left")
    return joined.with_columns(
        dte=(pl.col("expiry") - pl.col("session_date")).dt.total_days().cast(pl.Int32),
        forward=pl.col("spot"),
        discount=pl.lit(1.0),
        premium=pl.col("volume") * pl.col("mid") * pl.col("multiplier"),
    )


SMALL = (
    {"strike": 230.0, "volume": 30, "open_interest": 100, "mid": 4.0, "gamma": 0.02},
    {"strike": 230.0, "right": "P", "volume": 10, "open_interest": 300, "mid": 3.0, "gamma": 0.02},
    {"strike": 235.0, "volume": 60, "open_interest": 0, "mid": 2.0, "gamma": 0.01},
    {"strike": 220.0, "right": "P", "expiry": FAR, "volume": 50, "open_interest": 200, "mid": 5.0, "gamma": 0.005},
)  # fmt: skip


def test_ratios_are_the_plain_sums_of_puts_over_calls():
    row = underlying.totals(contracts(*SMALL)).row(0, named=True)
    assert (row["call_volume"], row["put_volume"], row["put_call_volume"]) == (90, 60, pytest.approx(2 / 3))
    assert row["put_call_oi"] == pytest.approx(500 / 100)
    # puts: 10 x 3 + 50 x 5 = 280, calls: 30 x 4 + 60 x 2 = 240, both times 100 shares
    assert row["put_call_premium"] == pytest.approx(280 / 240)
    assert row["near_dated_share"] == pytest.approx(100 / 150)
    assert row["zero_dte_share"] == 0.0


def test_without_calls_a_ratio_is_null_not_zero():
    row = underlying.totals(contracts({"strike": 230.0, "right": "P", "volume": 5, "open_interest": 1})).row(
        0, named=True
    )
    assert (row["put_volume"], row["call_volume"], row["put_call_volume"]) == (5, None, None)
    untraded = contracts({"strike": 230.0, "volume": 0}, {"strike": 230.0, "right": "P", "volume": 5})
    assert underlying.totals(untraded)["put_call_volume"].to_list() == [None]


def test_volume_that_is_not_known_stays_unknown():
    row = underlying.totals(contracts({"strike": 230.0, "volume": None, "open_interest": 7})).row(0, named=True)
    assert (row["call_volume"], row["volume"], row["near_dated_share"], row["call_oi"]) == (None, None, None, 7)


def test_adjusted_roots_stay_out_of_strikes():
    frame = strike.measure(contracts(*SMALL, {"root": "GOOG1", "strike": 230.0, "volume": 999, "open_interest": 1}))
    assert frame["root"].unique().to_list() == ["GOOG"]


def test_a_strikes_shares_are_of_its_expiry():
    frame = strike.measure(contracts(*SMALL)).filter(pl.col("expiry") == NEAR)
    assert frame["volume_share"].to_list() == pytest.approx([0.4, 0.6])
    assert frame["gamma_share"].to_list() == pytest.approx([1.0, 0.0])
    assert frame.select("call_volume", "put_volume", "call_oi", "put_oi").rows() == [
        (30, 10, 100, 300),
        (60, None, 0, None),
    ]


def priced_expiries(frame: pl.DataFrame) -> pl.DataFrame:
    """What pricing says of the expiries: nothing but how far away they are."""
    keys = frame.select("underlying", "root", "expiry", "dte").unique(maintain_order=True)
    return keys.with_columns(expected_move_pct=pl.lit(0.05))


def test_an_expirys_shares_are_of_its_underlying():
    frame = contracts(*SMALL)
    near, far = expiry.measure(frame, priced_expiries(frame), calendar).sort("expiry").iter_rows(named=True)
    assert (near["volume_share"], far["volume_share"]) == (pytest.approx(2 / 3), pytest.approx(1 / 3))
    assert (near["is_monthly"], far["is_monthly"]) == (False, True)
    assert (near["put_call_volume"], far["put_call_volume"]) == (pytest.approx(10 / 90), None)
    assert far["notional_oi"] == 200 * 100 * 230.0
    # gamma x open interest: near 0.02 x 400 = 8, far 0.005 x 200 = 1
    assert near["gamma_share"] == pytest.approx(8 / 9)


@given(
    st.lists(
        st.tuples(st.integers(1, 40), st.integers(0, 500), st.integers(0, 500)), min_size=1, max_size=12,
        unique_by=lambda row: row[0],
    )
)  # fmt: skip
def test_max_pain_is_where_a_direct_count_of_the_payout_is_least(ladder):
    rows = [
        {"strike": 5.0 * k, "right": right, "volume": 0, "open_interest": count}
        for k, calls, puts in ladder
        for right, count in (("C", calls), ("P", puts))
    ]

    def payout(settled: float) -> float:
        return sum(c * max(settled - 5.0 * k, 0) + p * max(5.0 * k - settled, 0) for k, c, p in ladder)

    found = expiry.max_pain(contracts(*rows))["max_pain"].to_list()[0]
    nothing_open = all(calls + puts == 0 for _, calls, puts in ladder)
    least = min(sorted(5.0 * k for k, _, _ in ladder), key=payout)
    assert found == (None if nothing_open else least)


def test_dealer_gamma_counts_calls_for_and_puts_against():
    frame = contracts(*SMALL).with_columns(iv=pl.lit(0.3), years=pl.lit(0.1))
    expiries = expiry.measure(frame, priced_expiries(frame), calendar)
    row = positioning.measure(frame, expiries, calendar).row(0, named=True)
    # (0.02 x 100 - 0.02 x 300 - 0.005 x 200) x 100 shares x 230 squared x 1 %
    assert row["gex"] == pytest.approx((2.0 - 6.0 - 1.0) * 100 * 230**2 * 0.01)
    assert (row["call_wall"], row["put_wall"]) == (230.0, 230.0)
    assert row["gamma_expiring_share"] == pytest.approx(1 / 9)
    assert row["gamma_expiring_share_next"] == pytest.approx(8 / 9)
    assert row["notional_expiring"] == 200 * 100 * 230.0
    # All calls are of the near expiry, so that all of their gamma goes with it; 100 + 300 + 200 contracts are open.
    assert row["positive_gamma_expiring_share_next"] == 1.0
    assert row["notional_oi"] == 600 * 100 * 230.0


def test_dealer_gamma_flips_midway_between_a_call_and_a_put_of_equal_weight():
    rows = (
        {"strike": 240.0, "volume": 0, "open_interest": 100, "iv": 0.2, "years": 0.05},
        {"strike": 220.0, "right": "P", "volume": 0, "open_interest": 100, "iv": 0.2, "years": 0.05},
    )
    flip = positioning.gamma_flip(contracts(*rows))["gamma_flip"].to_list()[0]
    # Equal open interest and volatility: the two bells cross where the distances in log moneyness are equal, up to the
    # half-variance shift of d1: sqrt(220 x 240) x exp(-0.2^2 x 0.05 / 2) = 229.55.
    assert flip == pytest.approx(229.55, abs=0.05)


def placed(names, **columns):
    """Names with what positioning and a table of market values tell of them: nothing, or these."""
    unknown = dict.fromkeys(("notional_oi", "notional_expiring", "market_value"))
    told = {
        name: pl.Series(values or [None] * names.height, dtype=pl.Float64)
        for name, values in (unknown | columns).items()
    }
    return names.with_columns(**told)


def test_notional_adds_up_by_group_and_is_held_against_the_market_values_that_are_known():
    frame = contracts(
        *SMALL,
        {"underlying": "SPY", "root": "SPY", "strike": 500.0, "volume": 1000, "open_interest": 5},
        {"underlying": "XYZ", "root": "XYZ", "strike": 50.0, "volume": 10, "open_interest": 5},
    )
    names = placed(
        underlying.totals(frame).sort("underlying"),
        notional_oi=[4e9, 9e9, 1e9], notional_expiring=[1e9, 2e9, None], market_value=[2e12, None, None],
    )  # fmt: skip
    past = pl.DataFrame(
        schema={"session_date": pl.Date, "underlying": pl.String, "call_volume": pl.Int64, "put_volume": pl.Int64}
    )
    rows = {row["segment"]: row for row in market.measure(names, past, calendar).iter_rows(named=True)}
    told = {
        name: (row["notional_oi"], row["notional_expiring"], row["notional_value_share"]) for name, row in rows.items()
    }
    # GOOG and XYZ are single names, of which the value of one is known: 4 of 2,000 billion.
    assert told == {"all": (14e9, 3e9, 0.002), "index": (9e9, 2e9, None), "single": (5e9, 1e9, 0.002)}


def test_the_market_is_split_into_index_products_and_single_names():
    frame = contracts(*SMALL, {"underlying": "SPY", "root": "SPY", "strike": 500.0, "volume": 1000, "open_interest": 5})
    names = placed(underlying.totals(frame))
    past = pl.DataFrame(
        schema={"session_date": pl.Date, "underlying": pl.String, "call_volume": pl.Int64, "put_volume": pl.Int64}
    )
    rows = {row["segment"]: row for row in market.measure(names, past, calendar).iter_rows(named=True)}
    assert [(name, rows[name]["call_volume"], rows[name]["underlyings"]) for name in ("all", "index", "single")] == [
        ("all", 1090, 2),
        ("index", 1000, 1),
        ("single", 90, 1),
    ]
    assert rows["index"]["put_call_volume"] is None
    assert rows["all"]["put_call_volume_prev"] is None


def test_the_market_compares_only_with_sessions_that_saw_every_name():
    names = placed(underlying.totals(contracts(*SMALL)))
    past = pl.DataFrame(
        {
            "session_date": [date(2025, 8, 29), date(2025, 9, 2), date(2025, 9, 2)],
            "underlying": ["GOOG", "GOOG", "NVDA"],
            "call_volume": [100, 200, 7],
            "put_volume": [50, 20, 7],
        }
    )
    rows = {row["segment"]: row for row in market.measure(names, past, calendar).iter_rows(named=True)}
    assert rows["all"]["put_call_volume_prev"] == pytest.approx(0.1)
    assert rows["all"]["put_call_volume_change"] == pytest.approx(2 / 3 - 0.1)
    assert rows["all"]["volume_ratio_5"] is None
