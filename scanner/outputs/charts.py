"""Charts as inline SVG: no script, no resource from elsewhere, colours from the page that holds them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import polars as pl
from markupsafe import Markup, escape

from scanner.alerts.model import Alert

_WIDTH, _HEIGHT, _LEFT, _RIGHT, _TOP, _BOTTOM = 640.0, 190.0, 54.0, 14.0, 12.0, 26.0
_MOST_STRIKES = 33
_LABELS = 9


@dataclass(frozen=True, slots=True)
class Bar:
    """One strike: what traded, what was to be expected, and whether the alert is about it."""

    strike: float
    volume: int
    expected: float
    flagged: bool


def volume_by_strike(alert: Alert, contracts: pl.DataFrame | None) -> Markup | None:
    """Volume by strike of the alert's expiry and right beside what was expected; None where there is nothing to draw.

    ``contracts`` is a contract-scope frame that holds the expiry.
    """
    if contracts is None or alert.expiry is None:
        return None
    named = {alert.contract, *alert.drivers}
    right = alert.right or _right_of(contracts, named)
    rows = contracts.filter(
        (pl.col("underlying") == alert.underlying)
        & (pl.col("expiry") == alert.expiry)
        & (pl.col("right").cast(pl.String) == right)
        & pl.col("volume").is_not_null()
    )
    rows = rows.sort("strike").unique("strike", keep="first", maintain_order=True)
    bars = [
        Bar(strike, volume, expected or 0.0, _is_flagged(alert, contract, strike))
        for contract, strike, volume, expected in rows.select(
            "contract", "strike", "volume", "volume_expected"
        ).iter_rows()
    ]
    shown = _around_flagged(bars)
    if not any(bar.flagged for bar in shown) or max(bar.volume for bar in shown) <= 0:
        return None
    return _drawn(shown, f"{'Calls' if right == 'C' else 'Puts'} of {alert.expiry}: volume by strike")


def _right_of(contracts: pl.DataFrame, named: Collection[str | None]) -> str:
    known = contracts.filter(pl.col("contract").is_in([name for name in named if name]))
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


def _drawn(bars: Sequence[Bar], title: str) -> Markup:
    highest = max(max(bar.volume, bar.expected) for bar in bars)
    step = (_WIDTH - _LEFT - _RIGHT) / len(bars)
    floor = _HEIGHT - _BOTTOM
    tall = floor - _TOP

    def y(value: float) -> float:
        return floor - tall * value / highest

    parts = [
        f'<svg class="chart" viewBox="0 0 {_WIDTH:g} {_HEIGHT:g}" role="img" aria-label="{escape(title)}">',
        f"<title>{escape(title)}</title>",
    ]
    for share in (0.0, 0.5, 1.0):
        level = y(highest * share)
        parts.append(f'<line class="grid" x1="{_LEFT:g}" x2="{_WIDTH - _RIGHT:g}" y1="{level:.1f}" y2="{level:.1f}"/>')
        parts.append(f'<text x="{_LEFT - 6:g}" y="{level + 4:.1f}" text-anchor="end">{_short(highest * share)}</text>')
    every = max(-(-len(bars) // _LABELS), 1)
    labelled = _labelled(bars, every)
    for place, bar in enumerate(bars):
        left = _LEFT + place * step
        told = f"{bar.strike:g}: {bar.volume:,} traded, {bar.expected:,.0f} expected"
        kind = "bar flagged" if bar.flagged else "bar"
        parts.append(
            f'<rect class="{kind}" x="{left + 0.15 * step:.1f}" y="{y(bar.volume):.1f}" width="{0.7 * step:.1f}" '
            f'height="{floor - y(bar.volume):.1f}"><title>{told}</title></rect>'
        )
        level = y(bar.expected)
        parts.append(
            f'<line class="expected" x1="{left:.1f}" x2="{left + step:.1f}" y1="{level:.1f}" y2="{level:.1f}"/>'
        )
        if place in labelled:
            weight = ' class="flagged"' if bar.flagged else ""
            at = f'x="{left + step / 2:.1f}" y="{_HEIGHT - 8:g}"'
            parts.append(f'<text{weight} {at} text-anchor="middle">{bar.strike:g}</text>')
    parts.append("</svg>")
    return Markup("".join(parts))  # noqa: S704 - numbers of our own formatting, and the escaped title


def _labelled(bars: Sequence[Bar], every: int) -> set[int]:
    """The bars that have a label: of those flagged the busiest first, of the others every so many, none too near."""
    flagged = sorted((place for place, bar in enumerate(bars) if bar.flagged), key=lambda place: -bars[place].volume)
    labelled: set[int] = set()
    for place in flagged:
        if all(abs(place - other) >= every for other in labelled):
            labelled.add(place)
    # On a telephone the labels are nearly as wide as they are apart.
    reach = (every + 1) // 2
    free = [place for place in range(0, len(bars), every) if all(abs(place - other) > reach for other in flagged)]
    return labelled | set(free)


def _short(value: float) -> str:
    """A count for an axis: 950, 12k, 1.2M."""
    for size, letter in ((1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:.1f}".removesuffix(".0") + letter
    return f"{value:.0f}"
