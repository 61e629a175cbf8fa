"""One chain on the terminal, as CSV and as JSON."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, date, datetime

import polars as pl
import pytest

from scanner import fields
from scanner.fields.columns import schema
from scanner.outputs import chain_table
from scanner.outputs.terminal import console

DOCUMENTED = {
    *("expiry", "strike", "right", "dte", "bid", "ask", "mid", "iv", "iv_reason", "delta", "gamma", "vega", "theta"),
    *("rho", "volume", "open_interest"),
}


def chain(**changes) -> pl.DataFrame:
    """Four strikes of two expiries, both rights; the 225 calls and puts have no volatility."""
    rows = [
        {
            "underlying": "GOOG",
            "root": "GOOG",
            "contract": f"GOOG{expiry:%y%m%d}{right}{round(strike * 1000):08d}",
            "spot": 232.3,
            "expiry": expiry,
            "strike": strike,
            "right": right,
            "dte": (expiry - date(2025, 9, 4)).days,
            "bid": 2.45,
            "ask": 2.55,
            "mid": 2.5,
            "iv": None if strike == 225 else 0.312,
            "iv_reason": "below_intrinsic" if strike == 225 else None,
            "delta": 0.43,
            "gamma": 0.0312,
            "vega": 0.123,
            "theta": -0.21,
            "rho": 0.012,
            "volume": 48210,
            "open_interest": 31220,
            "simulated": False,
        }
        for expiry in (date(2025, 9, 12), date(2025, 9, 19))
        for strike in (225.0, 230.0, 235.0, 240.0)
        for right in ("C", "P")
    ]
    return pl.DataFrame([row | changes for row in rows])


def shown(frame: pl.DataFrame, width: int) -> str:
    page = io.StringIO()
    chain_table.print_table(frame, console(file=page, width=width))
    return page.getvalue()


def test_csv_holds_every_documented_column_one_line_a_contract():
    rows = list(csv.DictReader(io.StringIO(chain_table.to_csv(chain()), newline="")))
    assert set(rows[0]) >= DOCUMENTED
    assert len(rows) == 16
    assert (rows[0]["strike"], rows[0]["iv"], rows[0]["iv_reason"]) == ("225", "", "below_intrinsic")


def test_csv_and_json_hold_every_field_of_a_contract_and_nothing_else():
    nothing = pl.DataFrame(schema=schema("contract") | {"helper": pl.Float64})
    assert chain_table.to_csv(nothing).strip().split(",") == list(fields.of("contract"))
    (row,) = json.loads(chain_table.to_json_document(pl.concat([nothing, chain().head(1)], how="diagonal_relaxed")))
    assert list(row) == list(fields.of("contract"))


def test_json_is_an_array_with_null_for_what_is_missing():
    rows = json.loads(chain_table.to_json_document(chain()), parse_constant=pytest.fail)
    assert rows[0]["iv"] is None
    assert (rows[2]["expiry"], rows[2]["strike"], rows[2]["iv"]) == ("2025-09-12", 230.0, 0.312)


def test_each_expiry_has_a_table_under_its_name():
    text = shown(chain(), 120)
    assert "GOOG $232.30  expiry 2025-09-12, 8 days" in text
    assert "GOOG $232.30  expiry 2025-09-19, 15 days" in text


@pytest.mark.parametrize("width", [80, 100, 120, 160])
def test_columns_give_way_until_the_table_fits(width):
    lines = shown(chain(), width).splitlines()
    assert max(len(line) for line in lines) <= width
    heading = next(line for line in lines if "Strike" in line)
    assert {"Bid", "Ask", "IV", "Delta", "Volume", "OI"} <= set(heading.split())
    assert not any("…" in line for line in lines)


def test_a_wide_terminal_shows_every_greek():
    heading = next(line for line in shown(chain(), 160).splitlines() if "Strike" in line)
    assert {"Delta", "Gamma", "Vega", "Theta", "Rho"} <= set(heading.split())


def test_contracts_without_a_volatility_are_counted_by_reason():
    assert "No implied volatility: 4 below intrinsic." in shown(chain(), 80)


def test_a_simulated_chain_says_so_at_every_table():
    assert shown(chain(simulated=True), 80).count("SIMULATED") == 2
    assert "SIMULATED" not in shown(chain(), 80)


def test_an_empty_chain_is_said():
    assert shown(chain().clear(), 80).strip() == "No contracts."


def test_near_keeps_the_strikes_on_each_side_of_spot():
    """Spot is 232.30: 230 below it, 235 above it."""
    near = chain_table.select(chain(), near=1, expiry=date(2025, 9, 12))
    assert near["strike"].to_list() == [230.0, 230.0, 235.0, 235.0]


def test_one_right_is_selected():
    assert chain_table.select(chain(), right="P")["right"].unique().to_list() == ["P"]


def test_without_a_spot_near_counts_from_the_forward():
    """The forward of 226 lies between 225 and 230."""
    frame = chain(spot=None, forward=226.0)
    assert chain_table.select(frame, near=1)["strike"].unique().sort().to_list() == [225.0, 230.0]


def test_without_a_spot_or_a_forward_near_keeps_every_strike():
    frame = chain().with_columns(spot=pl.lit(None, pl.Float64))
    assert chain_table.select(frame, near=1).height == 16


def test_the_head_names_the_session_the_moment_of_the_quotes_and_the_source():
    known = {"session_date": date(2025, 9, 4), "source": "cboe", "quote_time": datetime(2025, 9, 4, 19, 45, tzinfo=UTC)}
    assert shown(chain(**known), 80).startswith("Session 2025-09-04, quotes of 2025-09-04 15:45 EDT, source cboe\n")


@pytest.mark.parametrize(("kind", "said"), [("prior", 1), ("own", 0)])
def test_a_surprise_that_rests_on_the_prior_says_so_once(kind, said):
    text = shown(chain(baseline_kind=kind, history_sessions=3), 100)
    assert text.count("baseline: prior (built in; own history is too short: 3 sessions)") == said
