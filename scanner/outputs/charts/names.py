"""The charts of a name: smiles, term structure, put/call and volatility over time, gamma, and the expected move."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import polars as pl

from scanner import fields, wording
from scanner.fields.model import OnSplit, Unit
from scanner.outputs.charts.drawing import Figure, Plot, labelled, short, thinned

_SMILES, _LEAST_POINTS, _MOST_POINTS = 3, 5, 30
_WITHIN, _STRIKES_WITHIN = 0.3, 0.12
_MOST_STRIKES, _MOST_SESSIONS, _LABELS = 41, 126, 5
_FURTHEST_DAYS = 400
_KINDS = ("first", "second", "third")


@dataclass(frozen=True, slots=True)
class Name:
    """One name of a session.

    ``underlying`` is its row of the underlying scope, ``contracts`` those not settled yet, ``expiries`` and ``strikes``
    what :mod:`scanner.metrics.exposures` sums by each; ``past`` has a remembered row a session before, oldest first.
    """

    underlying: Mapping[str, Any]
    contracts: pl.DataFrame
    expiries: pl.DataFrame
    strikes: pl.DataFrame
    past: pl.DataFrame

    @property
    def session(self) -> date:
        """The session that is shown."""
        day: date = self.underlying["session_date"]
        return day


def of(name: Name) -> list[Figure]:
    """The charts of a name, as far as there is something to draw."""
    made = (
        smiles(name), term_structure(name), over_time(name, "put_call_volume"), over_time(name, "iv30"),
        over_time(name, "skew_25d"), gamma(name), over_time(name, "gex"), cone(name),
    )  # fmt: skip
    return [figure for figure in made if figure is not None]


def smiles(name: Name) -> Figure | None:
    """Volatility by how far a strike is from the forward, of the next expiries that have a smile."""
    known = name.contracts.filter(
        pl.col("iv").is_not_null() & pl.col("otm").fill_null(value=False) & (pl.col("moneyness").abs() < _WITHIN)
    )
    held = known.group_by("expiry").agg(pl.len(), pl.col("open_interest").sum()).filter(pl.col("len") >= _LEAST_POINTS)
    chosen = held.sort("open_interest", descending=True).head(_SMILES)["expiry"].sort().to_list()
    if not chosen:
        return None
    lines = []
    for expiry in chosen:
        own = known.filter(pl.col("expiry") == expiry).sort("strike").unique("strike", maintain_order=True)
        lines.append(list(own[thinned(own.height, _MOST_POINTS)].select("strike", "moneyness", "iv").iter_rows()))
    values = [iv for line in lines for *_, iv in line]
    far = [math.expm1(moneyness) for line in lines for _, moneyness, _ in line]
    plot = Plot("Smiles", (min(far), max(far)), (0.95 * min(values), 1.03 * max(values)))
    plot.scale(lambda value: f"{value:.0%}")
    plot.upright("grid", 0.0)
    for kind, line in zip(_KINDS, lines, strict=False):
        plot.line(kind, [(math.expm1(moneyness), iv) for _, moneyness, iv in line])
    plot.below((value, wording.percent(value, signed=True, digits=0)) for value in (-0.2, -0.1, 0.0, 0.1, 0.2)
               if min(far) <= value <= max(far))  # fmt: skip
    days = [wording.day(expiry, name.session) for expiry in chosen]
    rows = [
        (day, f"{strike:,g}", wording.percent(math.expm1(moneyness), signed=True), wording.percent(iv))
        for day, line in zip(days, lines, strict=True)
        for strike, moneyness, iv in line
    ]
    legend = list(zip(_KINDS, days, strict=False))
    title = "Smiles: volatility by strike, as far from the forward, of the expiries with the most open"
    return Figure(title, plot.svg(), legend, ("Expiry", "Strike", "From the forward", "Volatility"), rows)


def term_structure(name: Name) -> Figure | None:
    """Volatility at the money by days to the expiry."""
    rows = name.expiries.filter(pl.col("atm_iv").is_not_null() & (pl.col("dte") > 0)).sort("expiry")
    points = list(rows.select("dte", "atm_iv", "expiry").iter_rows())
    if len(points) < 2:
        return None
    placed = [(math.sqrt(days), iv) for days, iv, _ in points]
    values = [iv for _, iv in placed]
    plot = Plot("Term structure", (0.0, placed[-1][0]), (0.95 * min(values), 1.05 * max(values)))
    plot.scale(lambda value: f"{value:.0%}")
    plot.line("first", placed)
    for (x, iv), (*_, expiry) in zip(placed, points, strict=True):
        plot.dot("first dot", x, iv, f"{wording.day(expiry, name.session)}: {wording.percent(iv)}")
    plot.below(
        (math.sqrt(days), words)
        for days, words in ((7, "1w"), (30, "1m"), (91, "3m"), (182, "6m"), (365, "1y"), (730, "2y"))
        if days <= points[-1][0]
    )
    said = [(wording.day(expiry, name.session), f"{days:,}", wording.percent(iv)) for days, iv, expiry in points]
    title = "Term structure: volatility at the money by time to the expiry"
    return Figure(title, plot.svg(), [("first", "at the money")], ("Expiry", "Days", "Volatility"), said)


def over_time(name: Name, field: str) -> Figure | None:
    """A remembered figure by session, with today's at the end."""
    told = fields.of("underlying")[field]
    past = name.past.select("session_date", field).filter(pl.col("session_date") < name.session).sort("session_date")
    points = [*past.tail(_MOST_SESSIONS - 1).iter_rows(), (name.session, name.underlying.get(field))]
    values = [value for _, value in points if value is not None]
    if len(values) < 2:
        return None
    room = (max(values) - min(values)) * 0.1 or 0.01
    title = f"{told.title[:1].upper()}{told.title[1:]} by session"
    plot = Plot(title, (0, len(points) - 1), (max(min(values) - room, told.low), max(values) + room))
    plot.scale(_scale(told))
    plot.line("first", [(place, value) for place, (_, value) in enumerate(points)])
    if points[-1][1] is not None:
        plot.dot("flagged dot", len(points) - 1, points[-1][1], told.say(points[-1][1]))
    plot.below((place, wording.day(points[place][0], name.session)) for place in labelled(len(points), _LABELS)[:-1])
    rows = [(wording.day(day, name.session), told.say(value)) for day, value in reversed(points)]
    legend = [("first", f"{told.title}, {len(values):,} sessions"), ("flagged", "this session")]
    return Figure(title, plot.svg(), legend, ("Session", f"{told.title[:1].upper()}{told.title[1:]}"), rows)


def _scale(told: fields.Field) -> Callable[[float], str]:
    """How a figure is said beside a line across a chart, where there is little room."""
    if told.unit is Unit.dollars and told.on_split is OnSplit.none:
        return short
    return (lambda value: f"{100 * value:.3g}%") if told.unit is Unit.volatility else told.say


def gamma(name: Name) -> Figure | None:
    """Gamma by strike around the price, and where its sum would change sign."""
    spot = name.underlying.get("spot")
    if spot is None:
        return None
    near = name.strikes.filter((pl.col("strike") / spot - 1).abs() <= _STRIKES_WITHIN).drop_nulls("gamma_exposure")
    rows = near.top_k(_MOST_STRIKES, by=pl.col("gamma_exposure").abs()).sort("strike")
    points = list(
        rows.select("strike", "gamma_exposure", "call_oi", "put_oi", "vanna_exposure", "charm_exposure").iter_rows()
    )
    if len(points) < 3 or not any(point[1] for point in points):
        return None
    strikes, values = [point[0] for point in points], [point[1] for point in points]
    step = min(above - below for below, above in itertools.pairwise(strikes))
    plot = Plot("Gamma by strike", (strikes[0] - step, strikes[-1] + step), (min(*values, 0.0), max(*values, 0.0)))
    plot.scale(short)
    for strike, value, *_ in points:
        kind = "calls" if value > 0 else "puts"
        plot.bar(
            kind, strike - 0.4 * step, strike + 0.4 * step, 0, value, f"{strike:,g}: {wording.signed_money(value)}"
        )
    plot.upright("expected", spot)
    flip = name.underlying.get("gamma_flip")
    if flip is not None:
        plot.upright("second", flip)
    plot.below((strikes[place], f"{strikes[place]:,g}") for place in labelled(len(strikes), _LABELS))
    said = [
        (f"{strike:,g}", wording.signed_money(value), _count(calls), _count(puts), _money(vanna), _money(charm))
        for strike, value, calls, puts, vanna, charm in points
    ]
    legend = [("calls", "positive"), ("puts", "negative"), ("expected", "price")]
    if flip is not None:
        legend.append(("second", "the sum changes sign"))
    title = "Gamma by strike in dollars per 1 %, if dealers are long calls and short puts"
    headings = ("Strike", "Gamma", "Open calls", "Open puts", "Vanna", "Charm")
    return Figure(title, plot.svg(), legend, headings, said)


def cone(name: Name) -> Figure | None:
    """How far the price may go by each expiry: one standard deviation by its prices, else the straddle, never mixed."""
    spot = name.underlying.get("spot")
    if spot is None:
        return None
    smile = name.expiries["smile_move_pct"].count() >= 2
    field, words = ("smile_move_pct", "one standard deviation") if smile else ("expected_move_pct", "the straddle")
    within = (pl.col("dte") > 0) & (pl.col("dte") <= _FURTHEST_DAYS)
    known = name.expiries.filter(within).drop_nulls(field).unique("expiry", keep="first").sort("expiry")
    moves = list(known.select("dte", field, "expiry").iter_rows())
    if len(moves) < 2:
        return None
    most = max(part for _, part, _ in moves)
    x = [(0.0, 0.0), *((math.sqrt(days), part) for days, part, _ in moves)]
    plot = Plot("Expected move", (0.0, x[-1][0]), (spot * (1 - most * 1.05), spot * (1 + most * 1.05)))
    plot.scale(lambda value: f"{value:,.0f}")
    plot.area("cone", [(at, spot * (1 - part)) for at, part in x], [(at, spot * (1 + part)) for at, part in x])
    plot.line("first", [(at, spot * (1 - part)) for at, part in x])
    plot.line("first", [(at, spot * (1 + part)) for at, part in x])
    plot.across_line("expected", 0.0, x[-1][0], spot)
    plot.below((math.sqrt(moves[place][0]), wording.day(moves[place][2], name.session)) for place in _apart(moves))
    rows = [
        (wording.day(expiry, name.session), f"{part:.2%}".replace("%", " %"), wording.price(spot * (1 - part)),
         wording.price(spot * (1 + part)))
        for _, part, expiry in moves
    ]  # fmt: skip
    title = f"Expected move: {words} either way, by expiry"
    legend = [("first", words), ("expected", "price")]
    return Figure(title, plot.svg(), legend, ("Expiry", "Move", "Down to", "Up to"), rows)


def _apart(moves: Sequence[tuple[int, float, date]]) -> list[int]:
    """The places that have a label, none too near to another one."""
    reach, chosen = math.sqrt(moves[-1][0]) / 5, list[int]()
    for place, (days, *_) in enumerate(moves):
        at = math.sqrt(days)
        if at > reach / 2 and (not chosen or at - math.sqrt(moves[chosen[-1]][0]) > reach):
            chosen.append(place)
    return chosen


def _money(value: float | None) -> str:
    return wording.MISSING if value is None else wording.signed_money(value)


def _count(value: float | None) -> str:
    return wording.MISSING if value is None else f"{value:,.0f}"
