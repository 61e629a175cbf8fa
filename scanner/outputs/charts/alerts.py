"""The charts of an alert: sessions, strikes and smile, each with what it is about marked."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import polars as pl

from scanner import wording
from scanner.alerts.model import Alert
from scanner.outputs.charts.drawing import Figure, Plot, labelled, short, thinned

_MOST_STRIKES, _STRIKE_LABELS = 33, 9
_MOST_SESSIONS, _SESSION_LABELS = 40, 6
_MOST_POINTS = 40
# Further from the forward, in standard deviations, a smile is of prices of a cent.
_FAR = 4.0
# Below the axis there is this share of the room that is above it.
_BELOW = 0.6
_SESSION_ROWS = {"session_date": pl.Date, "volume": pl.Float64, "open_interest": pl.Float64}
_PAST = {"contract": pl.String, **_SESSION_ROWS}


@dataclass(frozen=True, slots=True)
class Around:
    """What is known around the alerts of a session.

    ``contracts`` is a contract-scope frame that holds their expiries, ``past`` has ``contract session_date volume
    open_interest`` of the flagged contracts' earlier sessions, and ``names`` the remembered rows of the names.
    """

    contracts: pl.DataFrame
    past: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=_PAST))
    names: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema={"underlying": pl.String}))


@dataclass(frozen=True, slots=True)
class Bar:
    """One strike: what traded, what was to be expected, what is open, and whether the alert is about it."""

    strike: float
    volume: int
    expected: float | None
    open_interest: int | None
    flagged: bool


def of(alert: Alert, around: Around | None) -> list[Figure]:
    """The charts of an alert, as far as there is something to draw."""
    if around is None:
        return []
    made = (by_session(alert, around), by_strike(alert, around.contracts), smile(alert, around.contracts))
    return [figure for figure in made if figure is not None]


def by_session(alert: Alert, around: Around) -> Figure | None:
    """Volume and open interest of what was flagged, session by session; today's beside what was to be expected."""
    rows, expected = _sessions(alert, around)
    rows = rows.sort("session_date").tail(_MOST_SESSIONS)
    if rows.height < 2 or not rows["volume"].max():
        return None
    days, volumes, opened = rows["session_date"].to_list(), rows["volume"].to_list(), rows["open_interest"].to_list()
    known = [value for value in (*volumes, expected) if value is not None]
    title = f"Volume by session, {wording.day(days[0], days[-1])} to {wording.day(days[-1], days[-1])}"
    highest, most = max(known), max((value for value in opened if value is not None), default=0) or 0
    plot = Plot(title, (-0.5, rows.height - 0.5), (-_BELOW if most else 0.0, 1.0), 210.0)
    _two_scales(plot, highest, most)
    for place, (day, volume, held) in enumerate(zip(days, volumes, opened, strict=True)):
        said = wording.day(day, days[-1])
        if volume is not None:
            kind = "bar flagged" if place == rows.height - 1 else "bar"
            plot.bar(kind, place - 0.35, place + 0.35, 0, volume / highest, f"{said}: {volume:,.0f} traded")
        if held is not None and most:
            height = -_BELOW * held / most
            plot.bar("open", place - 0.35, place + 0.35, 0, height, f"{said}: {held:,.0f} open")
    if expected is not None:
        plot.across_line("expected", rows.height - 1.5, rows.height - 0.5, expected / highest)
    plot.below((place, wording.day(days[place], days[-1])) for place in labelled(rows.height, _SESSION_LABELS))
    table = [
        [wording.day(day, days[-1]), _count(volume), _count(held)]
        for day, volume, held in zip(days, volumes, opened, strict=True)
    ]
    table[-1][1] += "" if expected is None else f" (usual {wording.lots(expected)})"
    return Figure(title, plot.svg(), _legend(most=most), ("Session", "Volume", "Open interest"), table[::-1])


def _sessions(alert: Alert, around: Around) -> tuple[pl.DataFrame, float | None]:
    """``session_date volume open_interest`` of what an alert is about, with today's, and what today was to bring."""
    named = _named(alert)
    if not named:
        return _name_sessions(alert, around), None
    today = around.contracts.filter(pl.col("contract").is_in(named))
    if today.is_empty():
        return pl.DataFrame(schema=_SESSION_ROWS), None
    past = around.past.filter(pl.col("contract").is_in(named) & (pl.col("session_date") < alert.session_date))
    sums = [
        pl.when(pl.col(name).count() > 0).then(pl.col(name).cast(pl.Float64).sum()).alias(name)
        for name in ("volume", "open_interest")
    ]
    of_today = today.with_columns(session_date=pl.lit(alert.session_date))
    rows = pl.concat([frame.group_by("session_date").agg(*sums) for frame in (past, of_today)])
    expected = None if today["volume_expected"].null_count() else float(today["volume_expected"].sum())
    return rows, expected


def _name_sessions(alert: Alert, around: Around) -> pl.DataFrame:
    """The sessions of a whole name, for an alert that is about all of it."""
    if alert.underlying is None or alert.expiry is not None or "volume" not in around.names.columns:
        return pl.DataFrame(schema=_SESSION_ROWS)
    rows = around.names.filter(pl.col("underlying") == alert.underlying)
    opened = pl.col("call_oi") + pl.col("put_oi")
    return rows.select("session_date", pl.col("volume").cast(pl.Float64), open_interest=opened.cast(pl.Float64))


def _named(alert: Alert) -> list[str]:
    """The contracts that an alert names."""
    return [name for name in dict.fromkeys((alert.contract, *alert.drivers)) if name is not None]


def by_strike(alert: Alert, contracts: pl.DataFrame) -> Figure | None:
    """Volume by strike of the alert's expiry and right above what is open there, and what was to be expected."""
    expiry = alert.expiry
    if expiry is None:
        return None
    rows, right = _of_expiry(alert, contracts, expiry)
    rows = rows.drop_nulls("volume").sort("strike").unique("strike", keep="first", maintain_order=True)
    columns = ("contract", "strike", "volume", "volume_expected", "open_interest")
    bars = [
        Bar(strike, volume, expected, held, _is_flagged(alert, contract, strike))
        for contract, strike, volume, expected, held in rows.select(*columns).iter_rows()
    ]
    shown = _around_flagged(bars)
    if not any(bar.flagged for bar in shown) or max(bar.volume for bar in shown) <= 0:
        return None
    side = "Calls" if right == "C" else "Puts"
    return _ladder(shown, f"{side} of {wording.day(expiry, alert.session_date)}: volume over open interest by strike")


def _of_expiry(alert: Alert, contracts: pl.DataFrame, expiry: date) -> tuple[pl.DataFrame, str]:
    right = alert.right or _right_of(contracts, _named(alert))
    rows = contracts.filter(
        (pl.col("underlying") == alert.underlying)
        & (pl.col("expiry") == expiry)
        & (pl.col("right").cast(pl.String) == right)
    )
    return rows, right


def _right_of(contracts: pl.DataFrame, named: Collection[str]) -> str:
    known = contracts.filter(pl.col("contract").is_in(list(named)))
    return str(known["right"][0]) if known.height else "C"


def _is_flagged(alert: Alert, contract: str, strike: float) -> bool:
    if contract == alert.contract or contract in alert.drivers:
        return True
    first, last = (alert.evidence.get(name, alert.strike) for name in ("first_strike", "last_strike"))
    return alert.contract is None and first is not None and last is not None and first <= strike <= last


def _around_flagged(bars: Sequence[Bar]) -> Sequence[Bar]:
    """The strikes nearest to those flagged, as many as can be told apart."""
    flagged = [place for place, bar in enumerate(bars) if bar.flagged]
    if not flagged or len(bars) <= _MOST_STRIKES:
        return bars
    first = min(max((flagged[0] + flagged[-1] - _MOST_STRIKES) // 2 + 1, 0), len(bars) - _MOST_STRIKES)
    return bars[first : first + _MOST_STRIKES]


def _ladder(bars: Sequence[Bar], title: str) -> Figure:
    highest = max(max(bar.volume, bar.expected or 0.0) for bar in bars)
    most = max(bar.open_interest or 0 for bar in bars)
    plot = Plot(title, (-0.5, len(bars) - 0.5), (-_BELOW if most else 0.0, 1.0), 210.0)
    _two_scales(plot, highest, most)
    for place, bar in enumerate(bars):
        said = f"{bar.strike:g}: {bar.volume:,} traded, usual {_usual(bar.expected)}, {_count(bar.open_interest)} open"
        left, right = place - 0.35, place + 0.35
        plot.bar("bar flagged" if bar.flagged else "bar", left, right, 0, bar.volume / highest, said)
        if bar.open_interest is not None and most:
            plot.bar("open", left, right, 0, -_BELOW * bar.open_interest / most, said)
        if bar.expected is not None:
            plot.across_line("expected", place - 0.5, place + 0.5, bar.expected / highest)
    for place in _strike_labels(bars, max(-(-len(bars) // _STRIKE_LABELS), 1)):
        plot.below([(place, f"{bars[place].strike:g}")], "flagged" if bars[place].flagged else "")
    headings = ("Strike", "Volume", "Usual", "Open interest")
    rows = [
        (
            f"{bar.strike:g}{' (flagged)' if bar.flagged else ''}",
            f"{bar.volume:,}", _usual(bar.expected), _count(bar.open_interest),
        )
        for bar in bars
    ]  # fmt: skip
    return Figure(title, plot.svg(), _legend(most=most, others="other strikes"), headings, rows)


def _two_scales(plot: Plot, highest: float, most: float) -> None:
    """Figures beside the axis: volume above it, open interest below, each on its own scale."""
    plot.scale(lambda level: short(level * highest), (0.0, 0.5, 1.0))
    if most:
        plot.scale(lambda level: short(-level / _BELOW * most), (-_BELOW,))


def _legend(*, most: float, others: str = "sessions before") -> list[tuple[str, str]]:
    shown = [("flagged", "flagged"), ("bar", others), ("expected", "usual by now")]
    return [*shown, ("open", "open interest, below, on its own scale")] if most else shown


def _strike_labels(bars: Sequence[Bar], every: int) -> list[int]:
    """The bars that have a label: of those flagged the busiest first, of the others every so many, none too near."""
    flagged = sorted((place for place, bar in enumerate(bars) if bar.flagged), key=lambda place: -bars[place].volume)
    chosen: set[int] = set()
    for place in flagged:
        if all(abs(place - other) >= every for other in chosen):
            chosen.add(place)
    # On a telephone the labels are nearly as wide as they are apart.
    reach = (every + 1) // 2
    free = [place for place in range(0, len(bars), every) if all(abs(place - other) > reach for other in flagged)]
    return sorted(chosen | set(free))


def smile(alert: Alert, contracts: pl.DataFrame) -> Figure | None:
    """Volatility by strike of the alert's expiry, and the contracts it is about marked."""
    expiry = alert.expiry
    if expiry is None:
        return None
    # Of each strike the contract out of the money, as smiles are fitted, and what the alert is about.
    named = _named(alert)
    of_expiry = (pl.col("underlying") == alert.underlying) & (pl.col("expiry") == expiry)
    about = pl.col("contract").is_in(named)
    near = pl.col("otm").fill_null(value=False) & (pl.col("moneyness_sd").abs() < _FAR)
    rows = contracts.filter(of_expiry & pl.col("iv").is_not_null() & (near | about))
    points = list(rows.sort("strike", "right").select("strike", "iv", "contract", "iv_excess").iter_rows())
    flagged = [point for point in points if point[2] in named]
    line = [(strike, iv) for strike, iv, contract, _ in points if contract not in named or len(flagged) == len(points)]
    if len(line) < 3 or not flagged:
        return None
    line = [line[place] for place in thinned(len(line), _MOST_POINTS)]
    values = [iv for _, iv in line] + [point[1] for point in flagged]
    strikes = [strike for strike, _ in line] + [point[0] for point in flagged]
    title = f"Smile of {wording.day(expiry, alert.session_date)}"
    room = (max(values) - min(values)) * 0.08 or 0.01
    plot = Plot(title, (min(strikes), max(strikes)), (max(min(values) - room, 0.0), max(values) + room))
    plot.scale(lambda value: f"{value:.0%}")
    plot.line("smile", line)
    for strike, iv in line:
        plot.dot("smile dot", strike, iv, f"{strike:g}: {wording.percent(iv)}")
    for strike, iv, _, excess in flagged:
        plot.dot("flagged dot", strike, iv, f"{strike:g}: {wording.percent(iv)}{_off(excess)}")
    plot.below(_ends(strikes))
    rows_said = [(f"{strike:g}", wording.percent(iv), "-") for strike, iv in line]
    rows_said += [(f"{s:g} (flagged)", wording.percent(iv), _excess(excess)) for s, iv, _, excess in flagged]
    legend = (("flagged", "flagged"), ("smile", "other strikes, out of the money"))
    return Figure(title, plot.svg(), legend, ("Strike", "Volatility", "Off the smile of the others"), rows_said)


def _ends(values: Sequence[float]) -> Iterator[tuple[float, str]]:
    low, high = min(values), max(values)
    for share in (0.04, 0.35, 0.65, 0.96):
        value = low + share * (high - low)
        yield value, wording.number(value)


def _off(excess: Any) -> str:
    return "" if excess is None else f", {wording.points(excess)} off the smile"


def _excess(excess: Any) -> str:
    return wording.MISSING if excess is None else wording.points(excess)


def _count(value: float | None) -> str:
    return wording.MISSING if value is None else f"{value:,.0f}"


def _usual(value: float | None) -> str:
    return wording.MISSING if value is None else wording.lots(value)
