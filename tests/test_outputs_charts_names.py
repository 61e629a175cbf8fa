"""The charts of a name: what is drawn is what its table says, and what is not known is not drawn."""

from __future__ import annotations

import math
import re
from datetime import date

import polars as pl
import pytest

from scanner.outputs.charts import drawing
from scanner.outputs.charts import names as charts
from scanner.outputs.charts.names import Name

DAY, WEEK, MONTH = date(2025, 9, 5), date(2025, 9, 12), date(2025, 10, 17)
# A line of strikes about a forward of 100, volatilities that fall as strikes rise.
STRIKES = [90.0, 95.0, 100.0, 105.0, 110.0]


def name(**changes) -> Name:
    contracts = pl.concat(
        pl.DataFrame(
            {
                "expiry": expiry,
                "strike": STRIKES,
                "moneyness": [math.log(strike / 100) for strike in STRIKES],
                "iv": [0.40, 0.35, 0.30, 0.28, 0.27],
                "otm": True,
                "open_interest": 10,
            }
        )
        for expiry in (WEEK, MONTH)
    )
    values = {
        "underlying": {
            "underlying": "ABC", "session_date": DAY, "spot": 100.0, "gamma_flip": 97.0, "put_call_volume": 0.7,
            "iv30": 0.30, "skew_25d": -0.01, "gex": 5e6,
        },
        "contracts": contracts,
        "expiries": pl.DataFrame(
            {
                "expiry": [WEEK, MONTH], "dte": [7, 42], "atm_iv": [0.30, 0.31], "smile_move_pct": [0.04, 0.10],
                "expected_move_pct": [0.03, 0.08],
            }
        ),
        "strikes": pl.DataFrame(
            {
                "strike": STRIKES, "gamma_exposure": [-2e6, -4e6, 1e6, 8e6, 3e6], "call_oi": 10, "put_oi": 20,
                "vanna_exposure": 1e3, "charm_exposure": [None, 1.0, 1.0, 1.0, -5e3],
            }
        ),
        "past": pl.DataFrame(
            {"session_date": [date(2025, 9, 3), date(2025, 9, 4)], "put_call_volume": [0.5, 0.6], "iv30": [0.28, None],
             "skew_25d": [0.02, 0.03], "gex": [-1e6, 2e6]}
        ),
    }  # fmt: skip
    return Name(**(values | changes))


def places(svg: str, kind: str) -> list[list[tuple[float, float]]]:
    drawn = re.findall(rf'<polyline class="{kind}" points="([^"]+)"', svg)
    return [[tuple(map(float, point.split(","))) for point in line.split()] for line in drawn]


def test_gamma_above_and_below_nothing_is_told_by_side_and_to_scale():
    figure = charts.gamma(name())
    bars = re.findall(r'<rect class="(calls|puts)" [^>]*height="([\d.]+)"', str(figure.svg))
    assert [kind for kind, _ in bars] == ["puts", "puts", "calls", "calls", "calls"]
    # 152 units for -4 to +8 million.
    assert [float(height) for _, height in bars] == pytest.approx([25.3, 50.7, 12.7, 101.3, 38.0], abs=0.06)
    assert figure.rows[0] == ("90", "-$2.0 M", "10", "20", "+$1.0 k", "-")
    assert str(figure.svg).count('class="second"') == 1


def test_the_cone_is_as_wide_as_one_standard_deviation_and_says_so():
    figure = charts.cone(name())
    assert figure.rows == [("12 Sep", "4.00 %", "$96.00", "$104.00"), ("17 Oct", "10.00 %", "$90.00", "$110.00")]
    assert "one standard deviation" in figure.title
    low, high = places(str(figure.svg), "first")
    middle = (low[0][1] + high[0][1]) / 2
    assert [point[1] - middle for point in low] == pytest.approx([middle - point[1] for point in high], abs=0.11)
    assert (low[1][1] - middle) / (low[2][1] - middle) == pytest.approx(0.4, abs=0.01)


def test_without_quotes_the_cone_is_of_straddles_and_never_of_both():
    expiries = name().expiries.with_columns(smile_move_pct=pl.lit(None, pl.Float64))
    figure = charts.cone(name(expiries=expiries))
    assert [row[1] for row in figure.rows] == ["3.00 %", "8.00 %"]
    assert "the straddle" in figure.title
    mixed = name().expiries.with_columns(smile_move_pct=pl.Series([None, 0.1]))
    assert charts.cone(name(expiries=mixed)).rows == figure.rows


def test_a_session_that_is_not_known_is_a_gap_and_a_dash():
    figure = charts.over_time(name(), "iv30")
    assert figure.rows == [("5 Sep", "30.0 %"), ("4 Sep", "-"), ("3 Sep", "28.0 %")]
    assert places(str(figure.svg), "first") == []
    assert ("first", "volatility, 30 days, 2 sessions") in figure.legend


def test_a_figure_below_nothing_is_drawn_below_nothing():
    figure = charts.over_time(name(), "skew_25d")
    assert figure.rows == [("5 Sep", "-1.0 points"), ("4 Sep", "+3.0 points"), ("3 Sep", "+2.0 points")]
    ((first, second, third),) = places(str(figure.svg), "first")
    # From +2 up to +3 is a quarter of the way from +3 down to -1.
    assert (first[1] - second[1]) * 4 == pytest.approx(third[1] - second[1], abs=0.5)
    assert [row[1] for row in charts.over_time(name(), "gex").rows] == ["+$5.0 M", "+$2.0 M", "-$1.0 M"]


def test_smiles_and_term_structure_carry_their_numbers():
    assert ("12 Sep", "90", "-10.0 %", "40.0 %") in charts.smiles(name()).rows
    assert charts.term_structure(name()).rows == [("12 Sep", "7", "30.0 %"), ("17 Oct", "42", "31.0 %")]


def test_what_is_not_known_of_a_name_is_not_drawn():
    underlying = {
        **name().underlying,
        "spot": None,
        "put_call_volume": None,
        "iv30": None,
        "skew_25d": None,
        "gex": None,
    }
    bare = name(
        underlying=underlying, contracts=name().contracts.clear(), expiries=name().expiries.clear(),
        strikes=name().strikes.clear(), past=name().past.clear(),
    )  # fmt: skip
    assert charts.of(bare) == []
    assert len(charts.of(name())) == 8


def test_ticks_are_round_and_within():
    assert drawing.ticks(0.27, 0.41) == pytest.approx([0.3, 0.35, 0.4])
    assert drawing.ticks(-4e6, 8e6) == [0.0, 5e6]
    assert drawing.thinned(100, 3) == [0, 50, 99]
    assert drawing.labelled(10, 4) == [0, 3, 6, 9]


def test_a_label_at_the_right_edge_ends_there():
    plot = drawing.Plot("Any", (0.0, 1.0), (0.0, 1.0))
    plot.below([(0.5, "17 Apr 2026"), (1.0, "17 Apr 2026")])
    labels = re.findall(r'<text x="([0-9.]+)" y="[0-9.]+" text-anchor="(middle|end)">17 Apr 2026<', str(plot.svg()))
    assert [anchor for _, anchor in labels] == ["middle", "end"]
    assert float(labels[1][0]) == 480.0
