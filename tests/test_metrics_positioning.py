"""Positioning of generated chains, read from files, against plain textbook formulas to one part in a million."""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import textbook_positioning as textbook
from textbook_positioning import Option

from scanner import app
from scanner.metrics import pieces, positioning
from scanner.outputs.structure import Structure

EXPIRY_DAY = date(2026, 7, 17)
WEEKLY, MONTHLY = date(2026, 7, 24), date(2026, 8, 21)
# Moments of an expiry day, UTC, and steps between strikes: those that matter are near when little time is left.
MOMENTS = {
    "the morning of an expiry day": (datetime(2026, 7, 17, 14, 30, tzinfo=UTC), 25.0),
    "ten minutes before an expiry": (datetime(2026, 7, 17, 19, 50, tzinfo=UTC), 5.0),
}
SPOT, RATE = 6_300.0, 0.04
FOUND = ("gamma", "delta", "vanna", "charm")


def prices(expiry: date, moment: datetime, step: float) -> Iterable[dict[str, Any]]:
    """European options with a smile, priced by the textbook's formula; what is worth less than a cent has no bid."""
    end = datetime(expiry.year, expiry.month, expiry.day, 20, tzinfo=UTC)
    years = (end - moment).total_seconds() / (365 * 86_400)
    forward, discount = SPOT * math.exp((RATE - 0.012) * years), math.exp(-RATE * years)
    random = np.random.default_rng(expiry.toordinal())
    for strike in np.arange(SPOT - 24 * step, SPOT + 24.5 * step, step):
        volatility = 0.16 - 0.4 * math.log(strike / forward) + 2 * math.log(strike / forward) ** 2
        for right in ("C", "P"):
            price = textbook.black(right, forward, float(strike), years, discount, volatility)
            quoted = price >= 0.01
            yield {
                "underlying": "SPX", "root": "SPXW", "expiry": expiry, "strike": strike, "right": right,
                "quote_time": moment.isoformat(), "spot": SPOT, "volume": int(random.integers(0, 900)),
                "open_interest": int(random.integers(0, 5_000) * (1.6 if right == "P" and strike < SPOT else 1.0)),
                "bid": price * 0.99 if quoted else 0.0, "ask": price * 1.01 if quoted else 0.01,
            }  # fmt: skip


@dataclass(frozen=True)
class Case:
    """What the scanner found in a file, the contracts it found it in, and the same as the textbook takes them."""

    found: Structure
    contracts: list[dict[str, Any]]
    book: list[Option]

    def of(self, expiry: date) -> list[Option]:
        return [option for option in self.book if option.expiry == expiry]

    @property
    def priced(self) -> list[Option]:
        return [option for option in self.book if option.volatility is not None]


@pytest.fixture(scope="module", params=MOMENTS)
def case(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Case:
    moment, step = MOMENTS[request.param]
    folder = tmp_path_factory.mktemp("chain")
    rows = [row for expiry in (EXPIRY_DAY, WEEKLY, MONTHLY) for row in prices(expiry, moment, step)]
    path: Path = folder / "spx.csv"
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    asked: dict[str, Any] = {"source": "files", "path": path, "store": folder / "none", "as_of": moment.isoformat()}
    contracts = app.chain("SPX", **asked).frames["contract"].to_dicts()
    return Case(app.structure("SPX", **asked), contracts, textbook.options(contracts, european=True))


def test_the_volatilities_found_are_those_of_the_textbooks_prices(case: Case) -> None:
    for option, row in zip(case.book, case.contracts, strict=True):
        if row["iv"] is not None:
            assert row["iv"] == pytest.approx(option.volatility, rel=1e-6)
    assert len(case.priced) > 120


@pytest.mark.parametrize("kind", FOUND)
def test_exposures_are_the_textbooks_by_expiry_by_strike_and_in_all(case: Case, kind: str) -> None:
    of: Callable[[Option], float] = getattr(textbook, f"{kind}_exposure")
    frame = case.found.strikes.select("strike", value=f"{kind}_exposure").drop_nulls()
    by_strike = dict(frame.iter_rows())
    expected = {
        strike: sum(of(option) for option in case.priced if option.strike == strike)
        for strike in {option.strike for option in case.priced}
    }
    largest = max(map(abs, expected.values()))
    assert by_strike == pytest.approx(expected, rel=1e-6, abs=1e-6 * largest)
    for row in case.found.expiries.iter_rows(named=True):
        terms = [of(option) for option in case.of(row["expiry"]) if option.volatility is not None]
        assert row[f"{kind}_exposure"] == pytest.approx(sum(terms), rel=1e-6, abs=1e-6 * max(map(abs, terms)))


def test_gamma_its_zero_and_its_walls_are_the_textbooks(case: Case) -> None:
    found = case.found.underlying
    assert found["gex"] == pytest.approx(sum(map(textbook.gamma_exposure, case.priced)), rel=1e-6)
    assert found["gamma_flip"] == pytest.approx(textbook.zero_gamma(case.priced), rel=1e-6)
    assert found["call_wall"] == textbook.wall(case.priced, "C")
    assert found["put_wall"] == textbook.wall(case.priced, "P")


def test_what_goes_with_each_expiry_is_its_part_of_the_sum(case: Case) -> None:
    def weight(options: list[Option]) -> float:
        return sum(textbook.gamma(option) * option.open_interest for option in options if option.volatility)

    calls = [option for option in case.priced if option.right == "C"]
    for row in case.found.expiries.iter_rows(named=True):
        mine = case.of(row["expiry"])
        assert row["gamma_share"] == pytest.approx(weight(mine) / weight(case.book), rel=1e-6)
        of_calls = weight([option for option in mine if option.right == "C"])
        assert row["positive_gamma_share"] == pytest.approx(of_calls / weight(calls), rel=1e-6)
        assert row["notional_oi"] == textbook.notional(mine)
        assert row["max_pain"] == textbook.max_pain(mine)
        assert row["oi_share"] == pytest.approx(
            sum(option.open_interest for option in mine) / sum(option.open_interest for option in case.book)
        )
    assert case.found.underlying["notional_oi"] == textbook.notional(case.book)


def test_moves_are_the_textbooks_straddle_and_the_papers_sum(case: Case) -> None:
    for row in case.found.expiries.iter_rows(named=True):
        mine = [contract for contract in case.contracts if contract["expiry"] == row["expiry"]]
        quotes = {
            side: {item["strike"]: (item["bid"], item["ask"]) for item in mine if item["right"] == side}
            for side in ("C", "P")
        }
        discount = mine[0]["discount"]
        assert row["smile_move_pct"] == pytest.approx(textbook.smile_move(quotes, row["forward"], discount), rel=1e-6)
        straddle = textbook.straddle(row["forward"], row["years"], discount, row["atm_iv"])
        assert row["expected_move_pct"] == pytest.approx(straddle, rel=1e-6)


@pytest.mark.parametrize("seed", range(20))
def test_the_nearest_of_many_changes_of_sign_is_found(seed: int) -> None:
    """Books of few contracts, calls and puts in turn, whose gamma crosses zero many times or just fails to."""
    random = np.random.default_rng(seed)
    rows = [
        {
            "underlying": "ABC", "root": "ABC", "expiry": WEEKLY, "strike": float(strike), "right": "CP"[place % 2],
            "spot": 100.0, "forward": 100.0, "discount": 1.0, "years": float(random.choice([1e-4, 0.01, 0.1])),
            "iv": float(random.uniform(0.1, 0.6)), "open_interest": int(random.integers(1, 2_000)), "multiplier": 100,
            "mid": None,
        }
        for place, strike in enumerate(np.linspace(78.0, 122.0, 12))
    ]  # fmt: skip
    expected = textbook.zero_gamma(textbook.options(rows, european=False))
    assert expected is not None
    frame = pl.DataFrame(rows)
    assert positioning.gamma_flip(frame)["gamma_flip"].item() == pytest.approx(expected, rel=1e-6)
    assert positioning.gamma_flip(frame.sample(fraction=1.0, shuffle=True, seed=seed)).equals(
        positioning.gamma_flip(frame)
    )


def test_the_rows_of_an_expiry_are_found_in_any_order() -> None:
    keys = [("SPX", "SPXW", WEEKLY), ("XSP", "XSP", WEEKLY), ("SPX", "SPX", MONTHLY), ("SPX", "SPXW", MONTHLY)]
    rows = [
        {"underlying": name, "root": root, "expiry": expiry, "strike": strike, "right": right}
        for name, root, expiry in keys
        for strike in (3.0, 1.0, 2.0)
        for right in ("P", "C")
    ]
    found = pieces.of(pl.DataFrame(rows).sample(fraction=1.0, shuffle=True, seed=3))
    assert sorted(found.found.select("underlying", "root", "expiry").rows()) == sorted(keys)
    for start, stop in found.found.select("start", "stop").iter_rows():
        assert found.rows["strike"][start:stop].to_list() == [1.0, 1.0, 2.0, 2.0, 3.0, 3.0]
        assert found.rows[start:stop].select("root", "expiry").n_unique() == 1
    assert pieces.of(pl.DataFrame(rows).clear()).found.is_empty()
