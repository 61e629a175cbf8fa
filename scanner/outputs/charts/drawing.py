"""One chart as inline SVG: no script, nothing from elsewhere, colours from the page that holds it.

What is drawn is told by shape and place as well as by colour: bars are wide, a mark of what is usual is a line across,
second and third lines are dashed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

_WIDTH, _LEFT, _RIGHT, _TOP, _BOTTOM = 480.0, 54.0, 14.0, 12.0, 26.0
_TICKS = 4
# About how wide a letter of a label is, at the largest size that the page has them in.
_LETTER = 7.0
_STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)


@dataclass(frozen=True, slots=True)
class Figure:
    """A chart and its numbers.

    ``legend`` names what is seen, by the kinds of marks that stand in the page's style (``bar``, ``flagged``, ...).
    ``headings`` and ``rows`` are the same numbers in words, the first column what they are of.
    """

    title: str
    svg: Markup
    legend: Sequence[tuple[str, str]]
    headings: Sequence[str]
    rows: Sequence[Sequence[str]]


class Plot:
    """A picture of so many units, onto which values of ``x`` and ``y`` (lowest, highest) are laid."""

    def __init__(self, title: str, x: tuple[float, float], y: tuple[float, float], height: float = 190.0) -> None:
        self.title, self._height = title, height
        self._x, self._y = _spread(x), _spread(y)
        self._parts: list[str] = []

    def across(self, value: float) -> float:
        """Where a value of ``x`` lies."""
        low, high = self._x
        return _LEFT + (_WIDTH - _LEFT - _RIGHT) * (value - low) / (high - low)

    def up(self, value: float) -> float:
        """Where a value of ``y`` lies."""
        low, high = self._y
        floor = self._height - _BOTTOM
        return floor - (floor - _TOP) * (value - low) / (high - low)

    def scale(self, say: Callable[[float], str], values: Iterable[float] | None = None) -> None:
        """Lines across at round values of ``y``, each with its figure."""
        for value in ticks(*self._y) if values is None else values:
            level = self.up(value)
            self._line("grid", (_LEFT, level), (_WIDTH - _RIGHT, level))
            self._text(_LEFT - 6, level + 4, "end", say(value))

    def below(self, places: Iterable[tuple[float, str]], kind: str = "") -> None:
        """Labels under the picture, at values of ``x``; one that would reach beyond the right edge ends there."""
        for value, words in places:
            middle, half = self.across(value), _LETTER * len(words) / 2
            beyond = middle + half > _WIDTH
            self._text(_WIDTH if beyond else middle, self._height - 8, "end" if beyond else "middle", words, kind)

    def bar(self, kind: str, left: float, right: float, foot: float, top: float, told: str) -> None:
        """A bar between two values of ``x`` and two of ``y``, with what a pointer over it is told."""
        one, other = sorted((self.up(foot), self.up(top)))
        x, width = self.across(left), self.across(right) - self.across(left)
        self._parts.append(
            f'<rect class="{kind}" x="{x:.1f}" y="{one:.1f}" width="{width:.1f}" height="{other - one:.1f}">'
            f"<title>{escape(told)}</title></rect>"
        )

    def line(self, kind: str, points: Sequence[tuple[float, float | None]]) -> None:
        """A line through points, broken where one is not known; one alone between two gaps is a dot."""
        for run in _runs(points):
            if len(run) == 1:
                self.dot(f"{kind} dot", *run[0], "")
            else:
                placed = " ".join(f"{self.across(x):.1f},{self.up(y):.1f}" for x, y in run)
                self._parts.append(f'<polyline class="{kind}" points="{placed}"/>')

    def area(self, kind: str, low: Sequence[tuple[float, float]], high: Sequence[tuple[float, float]]) -> None:
        """What lies between two lines."""
        placed = " ".join(f"{self.across(x):.1f},{self.up(y):.1f}" for x, y in [*low, *reversed(high)])
        self._parts.append(f'<polygon class="{kind}" points="{placed}"/>')

    def dot(self, kind: str, x: float, y: float, told: str) -> None:
        """A point."""
        size = 5 if "flagged" in kind else 2.2
        title = f"<title>{escape(told)}</title>" if told else ""
        self._parts.append(
            f'<circle class="{kind}" cx="{self.across(x):.1f}" cy="{self.up(y):.1f}" r="{size}">{title}</circle>'
        )

    def across_line(self, kind: str, left: float, right: float, value: float) -> None:
        """A level line between two values of ``x``."""
        self._line(kind, (self.across(left), self.up(value)), (self.across(right), self.up(value)))

    def upright(self, kind: str, value: float) -> None:
        """A line from top to bottom at a value of ``x``; none where that is not in the picture."""
        if self._x[0] <= value <= self._x[1]:
            self._line(kind, (self.across(value), _TOP), (self.across(value), self._height - _BOTTOM))

    def svg(self) -> Markup:
        """The picture; a reader who cannot see it is told its title, and its table has the numbers."""
        words = escape(self.title)
        head = (
            f'<svg class="chart" viewBox="0 0 {_WIDTH:g} {self._height:g}" role="img" aria-label="{words}">'
            f"<title>{words}</title>"
        )
        # Numbers of our own formatting, and text that was escaped.
        return Markup(head + "".join(self._parts) + "</svg>")  # noqa: S704

    def _line(self, kind: str, start: tuple[float, float], end: tuple[float, float]) -> None:
        (x1, y1), (x2, y2) = start, end
        self._parts.append(f'<line class="{kind}" x1="{x1:.1f}" x2="{x2:.1f}" y1="{y1:.1f}" y2="{y2:.1f}"/>')

    def _text(self, x: float, y: float, anchor: str, words: str, kind: str = "") -> None:
        named = f' class="{kind}"' if kind else ""
        self._parts.append(f'<text{named} x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(words)}</text>')


def ticks(low: float, high: float, count: int = _TICKS) -> list[float]:
    """Round values between two, about so many."""
    size = (high - low) / max(count, 1)
    scale = 10.0 ** math.floor(math.log10(size))
    step = next(scale * step for step in _STEPS if scale * step >= size * 0.999)
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return [number * step for number in range(first, last + 1)]


def labelled(count: int, most: int) -> list[int]:
    """The places of ``count`` that have a label, at most so many, evenly apart, the last one among them."""
    every = max(-(-count // most), 1)
    return sorted(range(count - 1, -1, -every))


def thinned(count: int, most: int) -> list[int]:
    """At most so many places of ``count``, evenly apart, the first and the last among them."""
    if count <= most:
        return list(range(count))
    return sorted({round(number * (count - 1) / (most - 1)) for number in range(most)})


def short(value: float) -> str:
    """A count for an axis: 950, 12k, 1.2M, 3.4bn."""
    size = abs(value)
    for large, letter in ((1e9, "bn"), (1e6, "M"), (1e3, "k")):
        if size >= large:
            return f"{value / large:.1f}".removesuffix(".0") + letter
    return f"{value:.0f}"


def _spread(ends: tuple[float, float]) -> tuple[float, float]:
    low, high = ends
    return (low, high) if high > low else (low - 0.5, low + 0.5)


def _runs(points: Sequence[tuple[float, float | None]]) -> list[list[tuple[float, float]]]:
    runs: list[list[tuple[float, float]]] = [[]]
    for x, y in points:
        if y is None:
            runs.append([])
        else:
            runs[-1].append((x, y))
    return [run for run in runs if run]
