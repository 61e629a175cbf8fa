"""Model-free variance against the worked example of Cboe's "Volatility Index Methodology" (appendices 3 and 5)."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import polars as pl
import pytest

from scanner.metrics import exposures

# Strikes in runs of (first, step, prices), as the paper's strips have them: out of the money, the mean at 1,960.
NEAR = (
    (1370, 5, ".2 .125 .15 .225 .225 .125 .125"), (1410, 10, ".225 .225"),
    (1425, 5, ".175 .225 .275 .175 .225 .2 .25 .25 .25 .25 .2 .25 .35 .175 .275 .325 .325 .3 .3 .35 .35 .325 .375 "
     ".375 .375 .5 .425 .425 .425 .475 .55 .525 .525 .525 .525 .675 .575 .625 .625 .625 .675 .675 .725 .725 .775 .675 "
     ".825 .825 .875 .875 .925 .975 1.025 1.025 1.075 1.125 1.125 1.175 1.225 1.275 1.325 1.375 1.425 1.475 1.55 1.6 "
     "1.675 1.75 1.825 1.9 2.0 2.075 2.175 2.25 2.375 2.525 2.625 2.775 2.95 3.075 3.3 3.45 3.65 3.9 4.1 4.35 4.65 "
     "4.95 5.25 5.6 6.0 6.4 6.85 7.35 7.9 8.3 9.0 9.65 10.6 11.4 12.1 13.25 14.15 15.25 16.55 18.25 19.75 22.775 "
     "21.05 18.1 15.25 12.75 10.45 8.45 6.65 4.95 3.8 2.875 2.025 1.45 1.125 .725 .525 .5 .4 .25 .325 .225 .175 .15 "
     ".15 .25 .225 .1 .2 .1"),
    (2125, 25, ".1"),
)  # fmt: skip
NEXT = (
    (1275, 50, ".075 .15"), (1350, 25, ".15 .175 .2 .25 .3 .35 .4"), (1510, 10, ".425 .45"), (1525, 5, ".475 .5"),
    (1540, 10, ".525 .55"),
    (1555, 5, ".575 .6 .625 .65 .675 .675 .7 .725 .75 .775 .8 .825 .85 .875 .9 .95 .975 1.0 1.025 1.075 1.1 1.15 1.2 "
     "1.225 1.275 1.325 1.375 1.425 1.475 1.525 1.6 1.675 1.725 1.8 1.85 1.925 2.0 2.1 2.175 2.275 2.375 2.475 2.575 "
     "2.725 2.825 3.0 3.1 3.25 3.45 3.6 3.8 3.95 4.2 4.4 4.65 4.9 5.15 5.45 5.75 6.05 6.45 6.75 7.15 7.65 8.15 8.6 "
     "9.2 9.75 10.4 11.1 11.8 12.6 13.45 14.4 15.4 16.4 17.6 18.8 20.2 21.6 23.2 26.1 24.15 21.1 18.3 15.7 13.3 11.1 "
     "9.15 7.4 5.85 4.65 3.55 2.7 2.05 1.55 1.15 .875 .675 .575"),
    (2060, 10, ".35 .25"), (2075, 25, ".2 .15 .1 .1"), (2200, 50, ".075"),
)  # fmt: skip
# Years, rate, forward, both prices at 1,960, and the variance a year that the paper prints.
TERMS = {
    "near": (NEAR, 0.0656088, 0.00031664, 1962.89996, (24.25, 21.30), 0.019233906),
    "next": (NEXT, 0.0855289, 0.00028797, 1962.40006, (27.30, 24.90), 0.019423884),
}
# What the paper leaves out of the near term: no bid, or a bid beyond two strikes without one.
LEFT_OUT = {
    "P": {1345: 0.0, 1350: 0.05, 1355: 0.05, 1360: 0.0, 1365: 0.0, 1405: 0.0, 1415: 0.0},
    "C": {2120: 0.0, 2150: 0.0, 2175: 0.0, 2200: 0.0, 2225: 0.05, 2250: 0.0},
}


def strip(runs: Iterable[tuple[int, int, str]]) -> dict[float, float]:
    return {
        float(first + step * number): float(price)
        for first, step, prices in runs
        for number, price in enumerate(prices.split())
    }


@pytest.mark.parametrize("term", TERMS)
def test_the_variance_of_the_papers_strip_is_the_papers(term: str) -> None:
    runs, years, rate, forward, _, published = TERMS[term]
    prices = strip(runs)
    strikes, values = np.array(list(prices)), np.array(list(prices.values()))
    variance = exposures.model_free_variance(strikes, values, forward, float(np.exp(-rate * years)))
    assert variance / years == pytest.approx(published, abs=2e-8)  # the paper rounds its years to seven places


def quoted(term: str) -> pl.DataFrame:
    """The chain of a term as the contract scope has it."""
    runs, years, rate, forward, (call, put), _ = TERMS[term]
    rows = [
        (strike, "P" if strike < 1960 else "C", price, price) for strike, price in strip(runs).items() if strike != 1960
    ]
    rows += [(1960.0, "C", call, call), (1960.0, "P", put, put)]
    if term == "near":
        rows += [(float(k), side, bid, bid + 0.1) for side, bids in LEFT_OUT.items() for k, bid in bids.items()]
    frame = pl.DataFrame(rows, schema=["strike", "right", "bid", "ask"], orient="row")
    return frame.with_columns(
        mid=(pl.col("bid") + pl.col("ask")) / 2, forward=forward, discount=float(np.exp(-rate * years))
    )


@pytest.mark.parametrize("term", TERMS)
def test_the_paper_s_own_choice_of_strikes_is_made_from_the_chain(term: str) -> None:
    _, years, *_, published = TERMS[term]
    move = exposures.smile_move(quoted(term).sample(fraction=1.0, shuffle=True, seed=1))
    assert move is not None
    assert move**2 / years == pytest.approx(published, abs=2e-8)


def test_the_index_of_thirty_days_comes_out_as_printed() -> None:
    near, far = (exposures.smile_move(quoted(term)) for term in TERMS)
    assert near is not None
    assert far is not None
    minutes = {"near": 34_484, "next": 44_954, "month": 43_200, "year": 525_600}
    share = (minutes["next"] - minutes["month"]) / (minutes["next"] - minutes["near"])
    variance = (near**2 * share + far**2 * (1 - share)) * minutes["year"] / minutes["month"]
    assert variance**0.5 == pytest.approx(0.13927842, abs=1e-7)
