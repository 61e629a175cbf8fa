"""A chain is priced as a whole: the volatilities behind the quotes come back, or a reason says why there is none."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from pathlib import Path
from statistics import NormalDist

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from quoted_chains import (
    EXPIRIES,
    FUTURES,
    FUTURES_VOLATILITY,
    RATE,
    SESSION,
    SPOT,
    black,
    quoted_chain,
    volatility_chain,
    years_of_future,
    years_to,
)
from standard import price_chain, read_recorded

from scanner.errors import PricingError
from scanner.fields import FIELDS
from scanner.market import chain as contract_columns
from scanner.pricing import REASONS, curve
from scanner.pricing.curve import flat

CURVE = flat(RATE)
DAILY = "cboe-chain-daily"
# Payloads of the session itself, at least half an hour old at the open. The other files of MOD hold quotes of the
# night before (the pricing calls them stale), or are of the first minutes after the open, when the vendor's spot is not
# that of its quotes: its own call and put volatilities of one strike then differ by one to two points.
GOOD_MOD = (
    "2026-07-22",
    "2026-07-29",
    "2026-07-30",
    "2026-07-31",
    "2026-08-04",
    "2026-08-11",
    "2026-08-14",
    "2026-08-17",
    "2026-08-19",
    "2026-08-21",
)
FIRST_MINUTES_MOD = ("2026-07-27", "2026-08-20")
GOOD_SPY = ("2026-07-22", "2026-07-24", "2026-07-27", "2026-07-28", "2026-07-29", "2026-07-30")


def smile(strike: float, _years: float) -> float:
    """A skewed, convex smile in the strike."""
    x = math.log(strike / SPOT)
    return 0.30 - 0.25 * x + 0.4 * x * x


def row(frame: pl.DataFrame, expiry: date, strike: float, right: str) -> dict[str, object]:
    return frame.row(
        by_predicate=(pl.col("expiry") == expiry) & (pl.col("strike") == strike) & (pl.col("right") == right),
        named=True,
    )


def change(frame: pl.DataFrame, strike: float, right: str, **values: float | None) -> pl.DataFrame:
    """The chain with some values of one strike and right of its first expiry replaced."""
    here = (pl.col("expiry") == EXPIRIES[0]) & (pl.col("strike") == strike) & (pl.col("right") == right)
    return frame.with_columns(
        pl.when(here).then(pl.lit(value, dtype=frame.schema[name])).otherwise(name).alias(name)
        for name, value in values.items()
    )


def reason_of(frame: pl.DataFrame, strike: float, right: str) -> tuple[object, object]:
    found = row(price_chain(frame, CURVE).contracts, EXPIRIES[0], strike, right)
    return found["iv"], found["iv_reason"]


def test_a_european_chain_gives_back_the_smile_its_quotes_were_made_with() -> None:
    priced = price_chain(quoted_chain(root="XSP", american=False, smile=smile), CURVE).contracts
    own = priced.filter(pl.col("iv_source") == "own").with_columns(
        made_with=pl.col("strike").map_elements(lambda strike: smile(strike, 0.0), return_dtype=pl.Float64)
    )
    assert own.filter("otm").height >= 30
    assert (own.filter("otm")["iv"] - own.filter("otm")["made_with"]).abs().max() < 1e-6


def test_an_american_chain_gives_back_the_smile_its_quotes_were_made_with() -> None:
    priced = price_chain(quoted_chain(smile=smile), CURVE).contracts
    outside = priced.filter("otm").with_columns(
        made_with=pl.col("strike").map_elements(lambda strike: smile(strike, 0.0), return_dtype=pl.Float64)
    )
    assert outside["iv"].null_count() == 0
    assert (outside["iv"] - outside["made_with"]).abs().max() < 1e-3


def test_delta_and_vega_are_those_of_the_formula_for_european_options() -> None:
    found = row(price_chain(quoted_chain(root="XSP", american=False), CURVE).contracts, EXPIRIES[1], 105.0, "C")
    years = years_to(EXPIRIES[1])
    d1 = (math.log(SPOT / 105.0) + (0.04 - 0.01 + 0.045) * years) / (0.3 * math.sqrt(years))
    density = math.exp(-0.5 * d1 * d1) / math.sqrt(2 * math.pi)
    assert found["delta"] == pytest.approx(math.exp(-0.01 * years) * 0.5 * math.erfc(-d1 / math.sqrt(2)), abs=1e-4)
    assert found["vega"] == pytest.approx(SPOT * math.exp(-0.01 * years) * density * math.sqrt(years) / 100, rel=1e-5)


def test_moneyness_and_distances_are_those_of_the_strike_to_forward_and_spot() -> None:
    priced = price_chain(quoted_chain(), CURVE).contracts
    found = row(priced, EXPIRIES[2], 110.0, "C")
    years = years_to(EXPIRIES[2])
    carried = math.log(110.0 / SPOT) - 0.03 * years
    assert found["moneyness"] == pytest.approx(carried, abs=2e-4)
    assert found["moneyness_sd"] == pytest.approx(carried / (0.3 * math.sqrt(years)), rel=0.01)
    assert found["otm"] is True
    assert found["otm_pct"] == pytest.approx(0.10)
    assert found["dte"] == 109
    assert found["years"] == pytest.approx(109 / 365)
    inside = row(priced, EXPIRIES[2], 110.0, "P")
    assert inside["otm"] is False
    assert inside["otm_pct"] == pytest.approx(-0.10)


def test_time_runs_from_the_quotes_to_the_opening_for_options_settled_in_the_morning() -> None:
    morning = price_chain(quoted_chain(root="SPX", american=False), CURVE).contracts
    evening = price_chain(quoted_chain(root="SPXW", american=False), CURVE).contracts
    assert evening["years"][0] - morning["years"][0] == pytest.approx(6.5 / 24 / 365)


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"bid": 0.0}, "no_bid"),
        ({"bid": 2.0, "ask": 1.0}, "crossed"),
        ({"bid": None, "ask": None}, "no_quote"),
        ({"bid": 0.0, "ask": 0.0}, "no_quote"),
        ({"bid": 98.9, "ask": 101.1}, "above_bound"),
    ],
)
def test_an_out_of_the_money_quote_that_says_nothing_has_no_volatility_and_says_why(
    values: dict[str, float | None], reason: str
) -> None:
    assert reason_of(change(quoted_chain(), 110.0, "C", **values), 110.0, "C") == (None, reason)


def test_a_quote_below_intrinsic_value_has_no_volatility() -> None:
    assert reason_of(change(quoted_chain(), 80.0, "C", bid=18.0, ask=19.0), 80.0, "C") == (None, "below_intrinsic")


def test_options_quoted_at_their_expiry_are_expired() -> None:
    frame = quoted_chain(expiries=(SESSION, *EXPIRIES))
    priced = price_chain(frame, CURVE).contracts.filter(pl.col("expiry") == SESSION)
    assert priced["iv_reason"].unique().to_list() == ["expired"]
    assert priced["years"].unique().to_list() == [0.0]
    assert priced["iv"].null_count() == priced.height


def test_quotes_from_before_the_session_are_stale() -> None:
    early = datetime(2025, 6, 2, 12, 0, tzinfo=UTC)
    frame = quoted_chain().with_columns(quote_time=pl.lit(early).cast(contract_columns.INSTANT))
    assert price_chain(frame, CURVE).contracts["iv_reason"].unique().to_list() == ["stale"]


def test_a_quote_over_an_hour_older_than_the_newest_is_stale() -> None:
    late = datetime(2025, 6, 2, 18, 30, tzinfo=UTC)
    here = (pl.col("strike") == 110.0) & (pl.col("right") == "C")
    frame = quoted_chain().with_columns(quote_time=pl.when(here).then(pl.lit(late)).otherwise("quote_time"))
    priced = price_chain(frame.cast({"quote_time": contract_columns.INSTANT}), CURVE).contracts
    assert priced.filter(here)["iv_reason"].to_list() == ["stale"] * len(EXPIRIES)
    assert "stale" not in priced.filter(~here)["iv_reason"].to_list()


def test_without_spot_and_without_pairs_there_is_no_forward() -> None:
    frame = quoted_chain(told_spot=None).filter(pl.col("right") == "C")
    priced = price_chain(frame, CURVE)
    assert priced.contracts["iv_reason"].unique().to_list() == ["no_forward"]
    assert priced.contracts.select("forward", "discount", "moneyness", "otm").null_count().row(0) == (frame.height,) * 4
    assert priced.expiries["forward_source"].null_count() == len(EXPIRIES)


def test_adjusted_contracts_are_not_priced() -> None:
    priced = price_chain(quoted_chain().with_columns(nonstandard=True), CURVE).contracts
    assert priced["iv_reason"].unique().to_list() == ["nonstandard"]
    assert priced.select("forward", "delta", "moneyness").null_count().row(0) == (priced.height,) * 3


def test_adjusted_contracts_change_nothing_for_the_others_of_the_underlying() -> None:
    adjusted = quoted_chain(root="ABC1").with_columns(underlying=pl.lit("ABC"))
    alone = price_chain(quoted_chain(), CURVE)
    together = price_chain(pl.concat([quoted_chain(), adjusted]), CURVE)
    assert together.contracts.filter(pl.col("root") == "ABC").equals(alone.contracts)
    assert together.underlyings.equals(alone.underlyings)


def test_a_contract_without_a_strike_to_speak_of_harms_no_other() -> None:
    frame = quoted_chain().with_columns(strike=pl.when(pl.col("strike") == 70).then(0.0).otherwise("strike"))
    priced = price_chain(frame, CURVE).contracts
    broken = priced.filter(pl.col("strike") == 0)
    assert broken["iv_reason"].to_list() == ["nonstandard"] * broken.height
    assert (priced.filter("otm", pl.col("strike").is_between(90, 110))["iv"] - 0.3).abs().max() < 1e-3


def test_an_in_the_money_contract_with_wide_quotes_takes_its_twins_volatility_and_says_so() -> None:
    frame = change(quoted_chain(), 80.0, "C", bid=19.0, ask=22.0)
    priced = price_chain(frame, CURVE).contracts
    inside, twin = row(priced, EXPIRIES[0], 80.0, "C"), row(priced, EXPIRIES[0], 80.0, "P")
    assert (inside["iv_source"], twin["iv_source"]) == ("twin", "own")
    assert inside["iv"] == twin["iv"] == pytest.approx(0.30, abs=1e-3)
    assert inside["iv_reason"] is None


def test_an_unsolvable_in_the_money_contract_without_a_twin_has_a_reason() -> None:
    frame = change(change(quoted_chain(), 80.0, "C", bid=18.5, ask=20.5), 80.0, "P", bid=0.0)
    assert reason_of(frame, 80.0, "C") == (None, "below_intrinsic")


def test_the_vendors_volatility_is_taken_only_where_asked_for_and_only_where_there_is_none_of_our_own() -> None:
    frame = change(quoted_chain(), 110.0, "C", bid=0.0).with_columns(vendor_iv=pl.lit(0.5))
    without = row(price_chain(frame, CURVE).contracts, EXPIRIES[0], 110.0, "C")
    assert (without["iv"], without["iv_reason"], without["delta"]) == (None, "no_bid", None)
    priced = price_chain(frame, CURVE, use_vendor_iv=True).contracts
    taken = row(priced, EXPIRIES[0], 110.0, "C")
    assert (taken["iv"], taken["iv_source"], taken["iv_reason"]) == (0.5, "vendor", "vendor")
    assert taken["delta"] is not None
    assert row(priced, EXPIRIES[0], 105.0, "C")["iv"] == pytest.approx(0.3, abs=1e-3)


def test_moneyness_in_deviations_needs_no_volatility_of_the_contract_itself() -> None:
    found = row(price_chain(change(quoted_chain(), 110.0, "C", bid=0.0), CURVE).contracts, EXPIRIES[0], 110.0, "C")
    years = years_to(EXPIRIES[0])
    assert found["iv"] is None
    assert found["moneyness_sd"] == pytest.approx((math.log(1.1) - 0.03 * years) / (0.3 * math.sqrt(years)), rel=0.01)


def test_an_expiry_with_the_vendors_volatilities_alone_has_no_at_the_money_volatility_unless_asked_for() -> None:
    frame = quoted_chain().with_columns(bid=pl.lit(0.0), vendor_iv=pl.lit(0.5))
    alone = price_chain(frame, CURVE)
    assert alone.expiries["atm_iv"].null_count() == len(EXPIRIES)
    assert alone.contracts["moneyness_sd"].null_count() == frame.height
    assert alone.underlyings["iv30"].to_list() == [None]
    asked = price_chain(frame, CURVE, use_vendor_iv=True)
    assert asked.expiries["atm_iv"].to_list() == pytest.approx([0.5] * len(EXPIRIES))


def test_a_chain_without_quotes_is_priced_from_what_traded_in_the_session() -> None:
    quoted = quoted_chain()
    mid = (pl.col("bid") + pl.col("ask")) / 2
    traded = quoted.with_columns(
        bid=pl.lit(None, pl.Float64),
        ask=pl.lit(None, pl.Float64),
        last=mid,
        volume=pl.when(pl.col("strike") == 120).then(0).otherwise(5),
    )
    priced = price_chain(traded, CURVE).contracts
    idle = priced.filter(pl.col("strike") == 120)
    assert idle["price_basis"].to_list() == [None] * idle.height
    assert idle["iv_reason"].to_list() == ["no_quote"] * idle.height
    active = priced.filter(pl.col("strike") != 120)
    assert active["price_basis"].unique().to_list() == ["last"]
    assert active["mid"].to_list() == active["last"].to_list()
    assert active.select("spread_pct", "iv_bid", "iv_ask").null_count().row(0) == (active.height,) * 3
    near = active.filter("otm", pl.col("strike").is_between(85, 115))
    assert near.height >= 15
    assert (near["iv"] - 0.30).abs().max() < 2e-3


def test_a_last_price_is_never_mixed_into_a_chain_that_has_quotes() -> None:
    frame = change(quoted_chain(), 110.0, "C", bid=None, ask=None).with_columns(last=pl.lit(1.0))
    found = row(price_chain(frame, CURVE).contracts, EXPIRIES[0], 110.0, "C")
    assert (found["mid"], found["price_basis"], found["iv_reason"]) == (None, None, "no_quote")
    assert row(price_chain(frame, CURVE).contracts, EXPIRIES[0], 110.0, "P")["price_basis"] == "mid"


def test_bid_and_ask_volatilities_stand_on_both_sides_and_are_left_out_where_not_asked_for() -> None:
    frame = quoted_chain()
    both = price_chain(frame, CURVE).contracts.filter("otm")
    assert both.select(((pl.col("iv_bid") < pl.col("iv")) & (pl.col("iv") < pl.col("iv_ask"))).all()).item()
    alone = price_chain(frame, CURVE, sides=("mid",)).contracts
    assert alone.select("iv_bid", "iv_ask").null_count().row(0) == (frame.height,) * 2
    assert alone["iv"].to_list() == price_chain(frame, CURVE).contracts["iv"].to_list()


def test_the_reasons_are_those_the_field_dictionary_knows() -> None:
    field = next(field for field in FIELDS if (field.scope, field.name) == ("contract", "iv_reason"))
    assert set(field.choices) == set(REASONS)


def test_rows_come_back_in_the_order_they_were_given() -> None:
    ordered = quoted_chain()
    shuffled = ordered.sample(fraction=1.0, shuffle=True, seed=3)
    priced = price_chain(shuffled, CURVE).contracts
    assert priced["contract"].to_list() == shuffled["contract"].to_list()
    assert priced.sort("expiry", "strike", "right").equals(price_chain(ordered, CURVE).contracts)


def test_an_underlying_is_priced_the_same_alone_and_among_others() -> None:
    chains = [quoted_chain(root=root, half_spread=width) for root, width in (("ABC", 0.01), ("DEF", 0.4), ("XYZ", 0.1))]
    together = price_chain(pl.concat(chains), CURVE)
    assert together.underlyings["underlying"].to_list() == ["ABC", "DEF", "XYZ"]
    for one in chains:
        name = one["underlying"][0]
        alone = price_chain(one, CURVE)
        assert together.contracts.filter(pl.col("underlying") == name).equals(alone.contracts)
        assert together.expiries.filter(pl.col("underlying") == name).equals(alone.expiries)


def test_a_market_shared_among_threads_is_priced_like_its_parts_also_from_several_threads_at_once() -> None:
    one, index = quoted_chain(), quoted_chain(root="SPXW", american=False)
    names = pl.DataFrame({"name": [f"A{number:03d}" for number in range(400)]})
    many = one.join(names, how="cross").with_columns(
        root=pl.col("name"), underlying=pl.col("name"), contract=pl.col("contract").str.replace("ABC", pl.col("name"))
    )
    market = pl.concat([many.drop("name"), index]).sort("root", "expiry", "strike", "right")
    alone = [price_chain(chain, CURVE).contracts["iv"].to_list() for chain in (one, index)]
    with ThreadPoolExecutor(3) as pool:
        for priced in pool.map(lambda _: price_chain(market, CURVE), range(3)):
            volatilities = {name: rows["iv"].to_list() for (name,), rows in priced.contracts.group_by("root")}
            assert volatilities.pop("SPXW") == alone[1]
            assert len(volatilities) == 400
            assert all(values == alone[0] for values in volatilities.values())


def test_a_chain_without_rows_is_priced_to_frames_without_rows() -> None:
    priced = price_chain(contract_columns.empty())
    assert (priced.contracts.height, priced.expiries.height, priced.underlyings.height) == (0, 0, 0)
    full = price_chain(quoted_chain())
    assert priced.contracts.schema == full.contracts.schema
    assert priced.expiries.schema == full.expiries.schema
    assert priced.underlyings.schema == full.underlyings.schema


def test_an_unknown_side_is_refused() -> None:
    with pytest.raises(PricingError, match="unknown side last"):
        price_chain(quoted_chain(), sides=("mid", "last"))  # type: ignore[arg-type]


dirty_price = st.one_of(st.none(), st.sampled_from([0.0, 0.01, 1e-9, 1e6]), st.floats(0, 200))


@settings(max_examples=60, deadline=None)
@given(
    quotes=st.lists(st.tuples(dirty_price, dirty_price), min_size=12, max_size=12),
    spot=st.one_of(st.none(), st.sampled_from([0.0, 1e-6, 1e6]), st.floats(1, 300)),
    american=st.booleans(),
)
def test_whatever_the_quotes_every_contract_has_a_finite_volatility_or_a_reason(
    quotes: list[tuple[float | None, float | None]], spot: float | None, american: bool
) -> None:
    frame = quoted_chain(root="ABC" if american else "XSP", strikes=(80.0, 100.0, 120.0), expiries=EXPIRIES[:2])
    dirty = frame.with_columns(
        pl.Series("bid", [bid for bid, _ in quotes], dtype=pl.Float64),
        pl.Series("ask", [ask for _, ask in quotes], dtype=pl.Float64),
        spot=pl.lit(spot, dtype=pl.Float64),
    )
    priced = price_chain(dirty, CURVE).contracts
    assert priced.select((pl.col("iv").is_null() == pl.col("iv_reason").is_not_null()).all()).item()
    assert set(priced["iv_reason"].drop_nulls()) <= set(REASONS)
    floats = priced.select(pl.selectors.float())
    assert floats.select(pl.all().drop_nulls().is_finite().all()).row(0) == (True,) * floats.width


def recorded(path: Path) -> pl.DataFrame:
    """The one chain of a recorded file."""
    chains = [item.chain for item in read_recorded(path) if item.chain is not None]
    assert len(chains) == 1
    return chains[0]


def beside_the_vendor(frame: pl.DataFrame) -> pl.DataFrame:
    """Signed differences from the vendor's volatilities in points: out of the money, with a bid, 7 to 365 days."""
    judged = price_chain(frame).contracts.filter(
        pl.col("otm") & (pl.col("bid") > 0) & pl.col("dte").is_between(7, 365), pl.col("vendor_iv").is_not_null()
    )
    assert judged["iv"].null_count() == 0
    return judged.with_columns(difference=(pl.col("iv") - pl.col("vendor_iv")) * 100)


def against_the_vendor(frame: pl.DataFrame) -> pl.Series:
    """How far the vendor's volatilities are, in points."""
    return beside_the_vendor(frame)["difference"].abs()


def but_for_the_forward(expiry: pl.DataFrame) -> pl.DataFrame:
    """The differences of an expiry less what one change of the underlying's price explains, which is least."""
    by_dollar = expiry["delta"] / expiry["vega"]
    dollars = expiry["difference"] / by_dollar
    order = dollars.arg_sort()
    weight = by_dollar.abs().gather(order).cum_sum()
    # The weighted median makes the sum of absolute differences least.
    moved = dollars.gather(order)[weight.search_sorted(weight[-1] / 2)]
    return expiry.with_columns(difference=expiry["difference"] - moved * by_dollar, moved=pl.lit(moved))


def pairs_of(contracts: pl.DataFrame) -> pl.DataFrame:
    """Calls beside puts of one strike with volatilities of their own, and whether they part by more than quotes."""
    own = contracts.filter(
        pl.col("iv_source") == "own", pl.col("iv_bid").is_not_null(), pl.col("iv_ask").is_not_null()
    ).select("root", "expiry", "strike", "right", "iv", half=(pl.col("iv_ask") - pl.col("iv_bid")) / 2)
    calls, puts = own.filter(pl.col("right") == "C"), own.filter(pl.col("right") == "P")
    difference, width = (pl.col("iv") - pl.col("iv_right")).abs(), pl.col("half") + pl.col("half_right")
    return calls.join(puts, on=["root", "expiry", "strike"]).with_columns(apart=difference > width + 1e-4)


@pytest.mark.realdata
def test_the_aapl_chain_agrees_with_the_vendors_volatilities(real_data: Path) -> None:
    difference = against_the_vendor(recorded(real_data / "cboe-json" / "delayed_quotes_options_AAPL.json.gz"))
    assert difference.len() > 900
    assert difference.median() <= 0.25
    assert difference.quantile(0.95) <= 0.7


@pytest.mark.realdata
@pytest.mark.parametrize(("underlying", "sessions"), [("MOD", GOOD_MOD), ("SPY", GOOD_SPY)])
def test_good_sessions_agree_with_the_vendors_volatilities(
    real_data: Path, underlying: str, sessions: tuple[str, ...]
) -> None:
    """All sessions of an underlying together; the worst single one, MOD on 2026-07-29, has a median of 0.2504."""
    folder = real_data / DAILY / underlying
    by_session = [against_the_vendor(recorded(folder / f"{session}.csv.gz")) for session in sessions]
    assert all(difference.len() > 200 for difference in by_session)
    assert all(difference.median() <= 0.26 and difference.quantile(0.95) <= 0.7 for difference in by_session)
    assert pl.concat(by_session).median() <= 0.25


@pytest.mark.realdata
@pytest.mark.parametrize("session", sorted((*GOOD_MOD, *FIRST_MINUTES_MOD)))
def test_what_parts_us_from_the_vendor_is_one_forward_an_expiry(real_data: Path, session: str) -> None:
    """The vendor takes its spot, up to 0.7 % off the parity of its own quotes; all else agrees in every session."""
    judged = beside_the_vendor(recorded(real_data / DAILY / "MOD" / f"{session}.csv.gz"))
    left = judged.group_by("expiry", maintain_order=True).map_groups(but_for_the_forward)
    assert left.height > 200
    assert (left["moved"] / left["spot"]).abs().max() < 0.008
    assert left["difference"].abs().median() <= 0.08
    assert left["difference"].abs().quantile(0.95) <= 0.4


@pytest.mark.realdata
def test_every_contract_of_the_aapl_chain_has_a_volatility_or_a_reason(real_data: Path) -> None:
    priced = price_chain(recorded(real_data / "cboe-json" / "delayed_quotes_options_AAPL.json.gz")).contracts
    assert priced.height == 3_576
    assert priced.select((pl.col("iv").is_null() == pl.col("iv_reason").is_not_null()).all()).item()


@pytest.mark.realdata
@pytest.mark.parametrize("file", ["spx_20220611.csv.gz", "spx_20230914.csv.gz", "xsp_20230914.csv.gz"])
def test_index_calls_and_puts_of_all_expiries_agree_at_the_rate_their_own_prices_tell(
    real_data: Path, file: str
) -> None:
    built = curve.built_in()
    first = next(number for number, day in enumerate(built.dates) if day.month > 1)
    of_early_2021 = curve.Curve(built.dates[:first], built.tenors, built.yields[:first])
    priced = price_chain(recorded(real_data / "cboe-quotedata" / file), of_early_2021)
    known = priced.expiries["discount_source"].drop_nulls()
    assert known.len() > 40
    assert known.unique().to_list() == ["chain"]
    pairs = pairs_of(priced.contracts)
    assert pairs.height > 2_000
    assert pairs["apart"].sum() == 0


@pytest.mark.realdata
@pytest.mark.parametrize(
    "file",
    [
        "cboe-json/delayed_quotes_options_AAPL.json.gz",
        *(f"{DAILY}/{name}.csv.gz" for name in ("MOD/2026-08-21", "SPY/2026-07-28")),
    ],
)
def test_calls_and_puts_of_a_strike_agree_within_the_width_of_their_quotes(real_data: Path, file: str) -> None:
    priced = price_chain(recorded(real_data / file)).contracts
    # Beyond a year the built-in curve, which ends a year before these sessions, is a percentage point off.
    pairs = pairs_of(priced.filter(pl.col("dte") <= 365))
    assert pairs.height > 200
    assert pairs["apart"].mean() <= 0.002


def test_an_adjusted_contract_is_neither_in_nor_out_of_the_money():
    priced = price_chain(quoted_chain().with_columns(nonstandard=True), CURVE).contracts
    assert priced.select(pl.col("otm", "otm_pct", "moneyness", "moneyness_sd", "delta", "gamma").null_count()).row(
        0
    ) == tuple([priced.height] * 6)


@pytest.mark.parametrize(("root", "distance"), [("SPY", 0.05), ("ABC", 6 / 99)])
def test_where_options_trade_on_the_money_is_where_calls_and_puts_put_it(root, distance):
    """The file tells the price of 16:00, 99; the quotes are those of 16:15, when it was 100."""
    priced = price_chain(quoted_chain(root=root, told_spot=99.0), CURVE).contracts
    assert row(priced, EXPIRIES[0], 105.0, "C")["otm_pct"] == pytest.approx(distance, abs=0.001)
    assert priced["spot"].unique().to_list() == [99.0]


def test_before_the_close_the_spot_told_is_that_of_the_quotes():
    early = quoted_chain(root="SPY", told_spot=99.0).with_columns(pl.col("quote_time") - pl.duration(minutes=1))
    priced = price_chain(early, CURVE).contracts
    assert row(priced, EXPIRIES[0], 105.0, "C")["otm_pct"] == pytest.approx(6 / 99)


@pytest.mark.parametrize("ticker", ["spx", "ndx", "rut"])
def test_an_index_option_of_one_day_is_priced_to_the_close_of_that_day(tmp_path, ticker):
    """A vendor's file that names no roots: Thursday 5 January 2023 is no third Friday, and is settled at the close."""
    header = (Path(__file__).parent / "chains" / "xyz_eod_202212.txt").read_text("utf-8").splitlines()[0]
    names = [name.strip(" []") for name in header.split(",")]
    lines = [header]
    for strike in (3950.0, 3975.0, 4000.0, 4025.0, 4050.0):
        told = {"QUOTE_UNIXTIME": "1672866000", "QUOTE_DATE": "2023-01-04", "EXPIRE_DATE": "2023-01-05"}
        told |= {"UNDERLYING_LAST": "4000", "STRIKE": f"{strike}"}
        for side, sign in (("C", 1), ("P", -1)):
            price = black(sign, 4000.0, strike, 1 / 365, 0.15)
            told |= {
                f"{side}_BID": f"{price - 0.01:.6f}",
                f"{side}_ASK": f"{price + 0.01:.6f}",
                f"{side}_SIZE": "1 x 1",
            }
        lines.append(",".join(told.get(name, "") for name in names))
    (tmp_path / f"{ticker}_eod_202301.txt").write_text("\n".join(lines), "utf-8")
    (recorded,) = read_recorded(tmp_path / f"{ticker}_eod_202301.txt")
    assert recorded.chain is not None
    assert price_chain(recorded.chain, flat(0.0)).contracts["iv"].to_list() == pytest.approx([0.15] * 10, abs=0.0005)


def test_options_on_volatility_are_options_on_the_future_of_their_expiry():
    priced = price_chain(volatility_chain(), CURVE)
    forwards = dict(priced.expiries.select("expiry", "forward").iter_rows())
    assert forwards == {day: pytest.approx(future, abs=0.01) for day, future in FUTURES.items()}
    expiry = date(2026, 8, 19)
    contract = row(priced.contracts, expiry, 20.0, "C")
    deviation = FUTURES_VOLATILITY * math.sqrt(years_of_future(expiry))
    d1, discount = math.log(19.2 / 20.0) / deviation + deviation / 2, math.exp(-RATE * years_of_future(expiry))
    assert contract["iv"] == pytest.approx(FUTURES_VOLATILITY, abs=0.002)
    assert contract["delta"] == pytest.approx(discount * NormalDist().cdf(d1), abs=0.002)
    assert contract["gamma"] == pytest.approx(discount * NormalDist().pdf(d1) / (19.2 * deviation), rel=0.005)
    assert contract["otm_pct"] == pytest.approx(0.8 / 19.2, abs=0.001)


@pytest.mark.parametrize("american", [True, False])
def test_costly_columns_that_are_asked_for_later_are_those_found_at_once(*, american: bool) -> None:
    chain = quoted_chain(root="ABC" if american else "XSP", american=american, smile=smile)
    whole, later = price_chain(chain, CURVE), price_chain(chain, CURVE, sides=("mid",))
    left = later.contracts.select("iv_bid", "iv_ask", *(("vega", "rho") if american else ())).null_count().row(0)
    assert set(left) == {chain.height}
    others = pl.exclude("iv_bid", "iv_ask", "vega", "rho")
    assert later.contracts.select(others).equals(whole.contracts.select(others), null_equal=True)
    asked = pl.Series([number % 3 == 0 for number in range(chain.height)])
    assert later.later is not None
    found = later.later.columns(later.contracts, asked)
    for column in found:
        assert column.equals(whole.contracts[column.name].set(~asked, None), null_equal=True)
        assert column.null_count() < chain.height
    assert [column.name for column in found] == ["iv_bid", "iv_ask", "vega", "rho"]
    assert whole.later is None
