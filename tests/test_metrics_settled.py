"""What is over is not coming: expiries end at their settlement and earnings when they are told, by the quotes' time."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from built_chains import built_chain
from scipy.optimize import brentq
from scipy.stats import norm
from standard import calendar, conform, measure

from scanner.history.known_before import KnownBefore
from scanner.history.panel import Panel
from scanner.metrics import earnings, positioning

OPEX = date(2026, 7, 17)  # a third Friday
WEEKLY, MONTHLY = date(2026, 7, 24), date(2026, 8, 21)
CLOSE = calendar.session_close(OPEX)
MINUTE = timedelta(minutes=1)


def book(*, underlying: str = "ABC", roots: tuple[str, ...] = ("ABC",), quoted: datetime = CLOSE) -> pl.DataFrame:
    """Three strikes of three expiries of each root, with open interest that puts the max pain of each elsewhere."""
    rows = []
    for root in roots:
        for expiry, pain in ((OPEX, 95.0), (WEEKLY, 100.0), (MONTHLY, 105.0)):
            for strike in (95.0, 100.0, 105.0):
                for right in ("C", "P"):
                    worth = max(100.0 - strike if right == "C" else strike - 100.0, 0.0) + 1.0
                    rows.append(
                        {
                            "source": "test",
                            "simulated": False,
                            "session_date": OPEX,
                            "quote_time": quoted,
                            "underlying": underlying,
                            "root": root,
                            "expiry": expiry,
                            "strike": strike,
                            "right": right,
                            "bid": worth - 0.05,
                            "ask": worth + 0.05,
                            "volume": 10,
                            "open_interest": 1000 if strike == pain else 10,
                            "spot": 100.0,
                        }
                    )
    return conform(pl.DataFrame(rows))


def underlying(frame: pl.DataFrame) -> dict[str, object]:
    moment = frame["quote_time"].max()
    assert isinstance(moment, datetime)
    known = KnownBefore(Panel.empty("test", calendar=calendar))
    return dict(measure(frame, known, moment).frames["underlying"].row(0, named=True))


def test_until_its_close_the_expiry_of_today_is_the_next_one() -> None:
    found = underlying(book(quoted=CLOSE - MINUTE))
    assert found["max_pain"] == 95.0
    # 2 x 1000 + 4 x 10 contracts, 100 shares at 100 dollars
    assert found["notional_expiring"] == pytest.approx(2040 * 100 * 100.0)
    assert found["gamma_expiring_share"] == found["gamma_expiring_share_next"]


def test_at_its_close_an_expiry_is_over_and_what_is_left_counts_as_all() -> None:
    found = underlying(book())
    assert found["max_pain"] == 105.0
    assert found["notional_expiring"] == pytest.approx(2040 * 100 * 100.0)
    shares = (found["gamma_expiring_share"], found["gamma_expiring_share_next"])
    assert sum(share for share in shares if isinstance(share, float)) == pytest.approx(1.0)
    # What was traded today in contracts of today was traded, all the same.
    assert found["zero_dte_share"] == pytest.approx(1 / 3)
    assert found["near_dated_share"] == pytest.approx(2 / 3)


def test_a_settled_contract_has_no_gamma_and_its_days_are_counted_by_date() -> None:
    frames = measure(book(), KnownBefore(Panel.empty("test", calendar=calendar)), CLOSE).frames
    today = frames["contract"].filter(pl.col("expiry") == OPEX)
    assert today["dte"].unique().to_list() == [0]
    assert today["years"].unique().to_list() == [0.0]
    assert today["gamma"].null_count() == today.height
    live = frames["contract"].filter(pl.col("expiry") > OPEX)
    signed = live.select(
        (pl.col("gamma") * pl.col("open_interest") * pl.when(pl.col("right") == "C").then(1).otherwise(-1)).sum()
    ).item()
    assert frames["underlying"]["gex"].item() == pytest.approx(signed * 100 * 100.0**2 * 0.01)


def test_quotes_of_the_last_minute_do_not_keep_an_expiry_alive_that_newer_quotes_are_past() -> None:
    early = pl.col("expiry") == OPEX
    frame = book().with_columns(quote_time=pl.when(early).then(pl.col("quote_time") - MINUTE).otherwise("quote_time"))
    assert underlying(frame)["max_pain"] == 105.0


def test_a_half_day_ends_its_expiry_at_one_in_the_afternoon() -> None:
    black_friday, later = date(2026, 11, 27), date(2026, 12, 18)

    def pain(hour: int) -> object:
        moment = datetime(2026, 11, 27, hour, tzinfo=UTC)
        frame = built_chain(
            black_friday,
            expiries=(black_friday, later),
            quote_time=moment,
            open_interest=[100] * 20,
        )
        found = underlying(frame)
        return found["gamma_expiring_share_next"]

    # 13:00 New York is 18:00 UTC in winter: from then on all that is left goes at the next expiry.
    assert pain(18) == pytest.approx(1.0)
    assert pain(17) != pytest.approx(1.0)


@pytest.mark.parametrize(("minutes", "pain"), [(-1, 95.0), (0, 105.0)])
def test_an_expiry_settled_in_the_morning_is_over_at_the_open(minutes: int, pain: float) -> None:
    opened = calendar.session_open(OPEX)
    assert underlying(book(underlying="NDX", roots=("NDX",), quoted=opened + minutes * MINUTE))["max_pain"] == pain


def test_of_two_roots_of_one_date_the_one_settled_in_the_morning_alone_is_over() -> None:
    noon = calendar.session_open(OPEX) + 150 * MINUTE
    found = underlying(book(underlying="NDX", roots=("NDX", "NDXP"), quoted=noon))
    assert found["max_pain"] == 95.0
    # NDX is over, NDXP is not.
    assert found["notional_expiring"] == pytest.approx(2040 * 100 * 100.0)


def test_a_weekly_index_expiry_settled_in_the_morning_is_over_at_the_open() -> None:
    frame = book(underlying="VIX", roots=("VIXW",), quoted=calendar.session_open(OPEX))
    frames = measure(frame, KnownBefore(Panel.empty("test", calendar=calendar)), calendar.session_open(OPEX)).frames
    contracts = frames["contract"]
    assert contracts.filter(pl.col("expiry") == OPEX)["gamma"].null_count() == 6
    # Options on different futures: what a move of one per cent changes.
    weight = pl.col("gamma") * pl.col("forward") ** 2 * pl.col("open_interest")
    of_week = contracts.filter(pl.col("expiry") == WEEKLY).select(weight.sum()).item()
    share = of_week / contracts.select(weight.sum()).item()
    assert frames["underlying"]["gamma_expiring_share_next"].item() == pytest.approx(share)


def test_a_chain_of_settled_contracts_alone_has_nothing_coming() -> None:
    found = underlying(book().filter(pl.col("expiry") == OPEX))
    names = ("max_pain", "notional_expiring", "gamma_expiring_share", "gex", "gamma_flip", "expected_move_pct")
    assert [found[name] for name in names] == [None] * len(names)


def announced(when: str | None) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "underlying": ["ABC", "ABC"],
            "date": [OPEX, date(2026, 10, 16)],
            "kind": ["earnings", "earnings"],
            "value": [None, None],
            "when": [when, when],
        },
        schema_overrides={"value": pl.Float64, "when": pl.String},
    )


@pytest.mark.parametrize(
    ("when", "minutes", "days"),
    [
        ("before_open", -1, 0),
        ("before_open", 0, 91),
        ("before_open", 390, 91),
        ("after_close", 0, 0),
        # The quotes of the close are from before the news, and price it.
        ("after_close", 390, 0),
        (None, 390, 0),
    ],
)
def test_earnings_are_coming_until_they_are_told(when: str | None, minutes: int, days: int) -> None:
    quoted = calendar.session_open(OPEX) + minutes * MINUTE
    found = earnings.next_dates(announced(when), book(quoted=quoted), calendar)
    assert found.select("next_earnings", "days_to_earnings").row(0) == (OPEX + timedelta(days=days), days)


def test_earnings_told_after_the_close_are_over_the_session_after() -> None:
    monday = date(2026, 7, 20)
    chain_of_monday = built_chain(monday)
    assert earnings.next_dates(announced("after_close"), chain_of_monday, calendar)["days_to_earnings"].item() == 88


@pytest.mark.parametrize(
    ("when", "variance"), [("before_open", (0.25 - 0.04) * 7), ("after_close", (0.36 - 0.25) * 35)]
)
def test_an_expiry_of_the_earnings_date_holds_what_is_told_before_the_open_alone(when: str, variance: float) -> None:
    dates = pl.DataFrame({"underlying": ["ABC"], "next_earnings": [WEEKLY], "when": [when]})
    expiries = pl.DataFrame(
        {
            "underlying": ["ABC"] * 3,
            "expiry": [date(2026, 7, 20), WEEKLY, MONTHLY],
            "atm_iv": [0.2, 0.5, 0.6],
            "years": [3 / 365, 7 / 365, 35 / 365],
        }
    )
    found = earnings.implied_move(dates, expiries)["earnings_implied_move_pct"].item()
    assert found == pytest.approx(math.sqrt(2 / math.pi) * math.sqrt(variance / 365))


def dealt(minutes: float, *lots: tuple[float, str, int, float], rate: float = 0.0, paid: float = 0.0) -> pl.DataFrame:
    """Priced contracts of one expiry: strike, right, open interest and volatility of each."""
    years = minutes / (365 * 24 * 60)
    forward = 100.0 * math.exp((rate - paid) * years)
    return pl.DataFrame(
        [
            {
                "underlying": "ABC",
                "root": "ABC",
                "expiry": OPEX + timedelta(minutes=minutes),
                "spot": 100.0,
                "forward": forward,
                "discount": math.exp(-rate * years),
                "strike": float(strike),
                "right": right,
                "open_interest": count,
                "multiplier": 100,
                "iv": volatility,
                "years": years,
            }
            for strike, right, count, volatility in lots
        ]
    )


def brute_force(frame: pl.DataFrame) -> float | None:
    """The crossing nearest to the spot: Black-Scholes gammas on a fine grid of spots, then Brent's root."""
    sign = np.where(frame["right"].to_numpy() == "C", 1.0, -1.0)
    strike, volatility, years = (frame[name].to_numpy() for name in ("strike", "iv", "years"))
    rate = -np.log(frame["discount"].to_numpy()) / years
    paid = rate - np.log(frame["forward"].to_numpy() / 100.0) / years
    deviation = volatility * np.sqrt(years)

    def exposure(spot: float | np.ndarray) -> np.ndarray:
        at = np.atleast_1d(np.asarray(spot, float))[:, None]
        d1 = (np.log(at / strike) + (rate - paid + 0.5 * volatility**2) * years) / deviation
        # Relative to the largest of them, so that the tails do not run out of numbers.
        logs = norm.logpdf(d1) - paid * years - np.log(at * deviation) + 2 * np.log(at)
        gammas = np.exp(logs - logs.max(axis=1, keepdims=True))
        return np.asarray((sign * frame["open_interest"].to_numpy() * gammas).sum(axis=1))

    grid = np.arange(75.0, 125.0, 0.002) + 0.0007
    values = exposure(grid)
    starts = np.flatnonzero(values[:-1] * values[1:] < 0)
    roots = [brentq(lambda spot: exposure(spot)[0], grid[i], grid[i + 1], xtol=1e-12) for i in starts]
    return min(roots, key=lambda root: abs(root - 100.0), default=None)


YEAR = 365 * 24 * 60.0
BOOKS = {
    "a month": dealt(YEAR / 12, (95, "P", 800, 0.34), (100, "P", 500, 0.3), (105, "C", 900, 0.27), rate=0.04),
    "a dividend": dealt(YEAR / 2, (90, "P", 800, 0.34), (110, "C", 900, 0.27), rate=0.04, paid=0.08),
    "ten minutes": dealt(10, *((k, "CP"[k % 2], 300 + 40 * (k - 97), 0.3) for k in range(97, 104))),
    "ten minutes and a year": pl.concat(
        [
            dealt(10, (99.4, "P", 9000, 0.2), (102, "C", 700, 0.2)),
            dealt(YEAR, (120, "C", 5000, 0.3), (80, "P", 100, 0.3), rate=0.05),
        ]
    ),
    "one minute, far strikes": dealt(1, (98, "P", 10, 0.15), (101, "C", 7000, 0.15)),
}  # fmt: skip


@pytest.mark.parametrize("name", BOOKS)
def test_the_gamma_flip_is_where_the_book_priced_anew_changes_its_sign(name: str) -> None:
    expected = brute_force(BOOKS[name])
    assert expected is not None
    assert positioning.gamma_flip(BOOKS[name])["gamma_flip"].item() == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(
    "frame",
    [
        dealt(10, (100, "C", 10, 0.3), (101, "C", 10, 0.3)),
        dealt(YEAR, (100, "C", 100, 0.3), (100, "P", 100, 0.3)),
        dealt(10, (50, "P", 10, 0.3), (100, "C", 10, 0.3)),
    ],
    ids=["calls alone", "calls and puts that cancel", "a crossing beyond a quarter of the spot"],
)
def test_without_a_change_of_sign_in_reach_there_is_no_gamma_flip(frame: pl.DataFrame) -> None:
    assert brute_force(frame) is None
    assert positioning.gamma_flip(frame)["gamma_flip"].to_list() == [None]


def test_a_gamma_that_is_balanced_at_the_spot_flips_there() -> None:
    # With d1 = ln(S/K)/s + s/2 the bells of strikes K and L are equal at S = sqrt(K L) exp(-s^2 / 2).
    deviation = 0.2 * math.sqrt(1 / 12)
    apart = 1.05
    middle = 100.0 * math.exp(deviation**2 / 2)
    frame = dealt(YEAR / 12, (middle / apart, "P", 100, 0.2), (middle * apart, "C", 100, 0.2))
    assert positioning.gamma_flip(frame)["gamma_flip"].item() == pytest.approx(100.0, rel=1e-9)
