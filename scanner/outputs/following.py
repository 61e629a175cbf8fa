"""What became of an alert, as a small table; and how all of them have done."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any, Protocol

from rich.console import Console
from rich.table import Table

from scanner.alerts.board import FEWEST, Figure, Line
from scanner.alerts.flagged import Flagged
from scanner.alerts.model import Alert, plain
from scanner.alerts.outcome import FEE_A_SHARE, OPENED_SHARE, Followed, state_of
from scanner.outputs import sentence, terminal
from scanner.outputs.delimited import csv_document
from scanner.outputs.text import printable

_MOST_ROWS = 8


@dataclass(frozen=True, slots=True)
class Morning:
    """What was there at one close, told the next morning: all contracts of an alert together, prices of the main one.

    ``share`` is of what the flagged session opened; moves are decimals since the flagged close, None at that close.
    """

    session_date: date
    open_interest: int | None
    share: float | None
    price: float | None
    price_move: float | None
    iv: float | None
    spot: float | None
    spot_move: float | None
    state: str


class Followable(Protocol):
    """An alert with the contracts that were flagged first, and every close of them since."""

    @property
    def alert(self) -> Alert:
        """The alert."""

    @property
    def first(self) -> Sequence[Flagged]:
        """The contracts of the session that was flagged first."""

    @property
    def rows(self) -> Sequence[Followed]:
        """Their closes."""


def mornings(flagged: Sequence[Flagged], rows: Sequence[Followed]) -> list[Morning]:
    """An alert's first flagged session and every close after it. ``flagged`` are the contracts of that session."""
    if not flagged or not rows:
        return []
    session = flagged[0].session_date
    main = max(flagged, key=lambda item: (item.volume or 0, item.contract))
    before = {item.contract: item.open_interest for item in flagged}
    by_day: dict[date, dict[str, Followed]] = {}
    for row in rows:
        if row.contract in before and row.session_date >= session:
            by_day.setdefault(row.session_date, {})[row.contract] = row
    first = by_day.get(session, {})
    opened = _sum(first, before)
    base = first.get(main.contract)
    found = []
    for day, there in sorted(by_day.items()):
        now = _sum(there, before)
        share = now / opened if now is not None and opened is not None and opened > 0 else None
        own = there.get(main.contract)
        price, was = _price(own), _price(base)
        spot, stood = (None if item is None else item.spot for item in (own, base))
        later = day > session
        counts = [item.open_interest for item in there.values()]
        found.append(
            Morning(
                day,
                None if None in counts or not counts else sum(count for count in counts if count is not None),
                share,
                price,
                price / was - 1.0 if later and price is not None and was else None,
                None if own is None else own.iv,
                spot,
                spot / stood - 1.0 if later and spot is not None and stood else None,
                state_of(share, main.expiry is not None and day >= main.expiry),
            )
        )
    return found


def _sum(rows: dict[str, Followed], before: dict[str, int | None]) -> float | None:
    """How far the open interest of all contracts together rose over what it was before; None where one is unknown."""
    rises = []
    for contract, was in before.items():
        row = rows.get(contract)
        if row is None or row.open_interest is None or was is None:
            return None
        rises.append(row.open_interest - was)
    return float(sum(rises))


def _price(row: Followed | None) -> float | None:
    """The mid of both quotes, else the last price."""
    if row is None:
        return None
    if row.bid is not None and row.ask is not None and row.ask > 0:
        return (row.bid + row.ask) / 2.0
    return row.last


def print_mornings(found: Sequence[Morning], flagged: Sequence[Flagged], to: Console) -> None:
    """Print what became of an alert: a line for how it stands, a row for each close."""
    if len(found) < 1:
        return
    volume = sum(item.volume or 0 for item in flagged)
    first, newest = found[0], found[-1]
    opened = _opened(flagged, first)
    if opened is not None and volume:
        share = f"{100 * opened / volume:.0f} %"
        terminal.say(f"Next morning opened: {opened:,} of {volume:,} ({share}). Now: {_now(newest)}", to)
    table = terminal.plain_table("Close", "Open int.", "Of opened", "Price", "", "Vol", "Stock", "", "")
    moves = [item.price_move for item in found if item.price_move is not None]
    best, worst = (max(moves), min(moves)) if len(moves) > 1 else (None, None)
    for item in _shown(found):
        remarks = [] if item.state in ("held", "not told") else [item.state]
        if item.price_move is not None and best is not None and item.price_move in (best, worst):
            remarks.append("best" if item.price_move == best else "worst")
        table.add_row(*_cells(item), ", ".join(remarks))
    to.print(table)
    terminal.say("Open interest of a close is told the next morning. Moves since the flagged close.", to)


def print_became(stories: Sequence[Followable], count: int, to: Console) -> None:
    """Print what became of the strongest of so many alerts, a line each; nothing where none was raised."""
    if not stories:
        return
    to.print()
    if not any(row.session_date > flagged.session_date for story in stories for flagged in story.first[:1]
               for row in story.rows):  # fmt: skip
        words = "What became of it" if count == 1 else f"What became of the {count:,}"
        terminal.say(f"{words} is not known yet: no later session of these names is stored.", to)
        return
    to.print(f"What became of {'the strongest ' if count > len(stories) else ''}{len(stories)} of {count:,}:")
    table = terminal.plain_table("Flagged", "What", "Opened", "Now", "Price", "Stock")
    for story in stories:
        table.add_row(*_became(story))
    to.print(table)
    terminal.say(
        "Opened: open interest of the next morning. Moves since the flagged close. `scanner backtest` keeps score.", to
    )


def _became(story: Followable) -> list[str]:
    """One alert: when, what, how much of what traded opened, how much of that is there, the moves since."""
    found = mornings(story.first, story.rows)
    day = story.first[0].session_date if story.first else story.alert.session_date
    what = [f"{day.day} {day:%b}", printable(sentence.about(story.alert))]
    if not found:
        return [*what, "-", "not told", "-", "-"]
    if len(found) == 1:
        return [*what, "-", "no later session", "-", "-"]
    newest, volume = found[-1], sum(item.volume or 0 for item in story.first)
    opened = _opened(story.first, found[0])
    share = "-" if opened is None else f"{opened:,} of {volume:,}"
    told = [item for item in found if item.share is not None]
    if opened is not None and opened < OPENED_SHARE * volume:
        now = "not opened"
    else:
        now = newest.state if newest.state == "expired" or not told else f"{told[-1].state}, {told[-1].share:.0%}"
    price, spot = newest.price_move, newest.spot_move
    return [
        *what,
        share,
        now,
        "-" if price is None else f"{price:+.0%}",
        "-" if spot is None else f"{spot:+.1%}",
    ]


def _shown(found: Sequence[Morning]) -> Sequence[Morning]:
    """All of a few; of many the first, and the newest."""
    return found if len(found) <= _MOST_ROWS else [*found[:3], *found[-(_MOST_ROWS - 3) :]]


def _opened(flagged: Sequence[Flagged], first: Morning) -> int | None:
    before = [item.open_interest for item in flagged]
    if first.open_interest is None or None in before or first.session_date != flagged[0].session_date:
        return None
    return first.open_interest - sum(count for count in before if count is not None)


def _now(newest: Morning) -> str:
    return newest.state if newest.share is None else f"{newest.state}, {newest.share:.0%} still open"


def _cells(item: Morning) -> list[str]:
    return [
        f"{item.session_date.day} {item.session_date:%b}",
        _or_dash(item.open_interest, ",.0f"),
        "-" if item.share is None else f"{item.share:.0%}",
        _or_dash(item.price, ",.2f"),
        "" if item.price_move is None else f"{item.price_move:+.0%}",
        "-" if item.iv is None else f"{100 * item.iv:.1f} %",
        _or_dash(item.spot, ",.2f"),
        "" if item.spot_move is None else f"{item.spot_move:+.1%}",
    ]


def _or_dash(value: float | None, form: str) -> str:
    return "-" if value is None else format(value, form)


def mornings_document(found: Sequence[Morning]) -> list[dict[str, Any]]:
    """The same as plain data."""
    return [plain(asdict(item)) for item in found]


# -- the scoreboard ---------------------------------------------------------------------------------------------------

MEASURES = {
    "opened": "Opened next morning",
    **{f"held_{count}": f"Still held after {count}" for count in (1, 3, 5)},
    **{f"contract_{count}": f"Contract after {count}, median" for count in (1, 3, 5)},
    **{f"stock_{count}": f"Stock their way, {count}" for count in (1, 3, 5)},
}
_COLUMNS = ("group", "key", "measure", "count", "value", "low", "high", "matched_count", "matched_value",
            "matched_low", "matched_high")  # fmt: skip


def board_document(lines: Sequence[Line]) -> dict[str, Any]:
    """The outcomes as plain data: one object a measure and group, and the fee that contracts are charged."""
    listed = [plain(dict(zip(_COLUMNS, row, strict=True))) for row in _rows(lines)]
    return {"fee_a_contract": 100 * FEE_A_SHARE, "outcomes": listed}


def board_csv(lines: Sequence[Line]) -> str:
    """The outcomes as CSV: one row a measure and group; decimals, empty below twenty."""
    return csv_document(list(_COLUMNS), _rows(lines))


def _rows(lines: Sequence[Line]) -> list[tuple[Any, ...]]:
    return [(item.group, item.key, item.measure, *_values(item.alerts), *_values(item.matched)) for item in lines]


def _values(figure: Figure) -> tuple[int, float | None, float | None, float | None]:
    return figure.count, figure.value, figure.low, figure.high


def board_rows(lines: Sequence[Line]) -> list[tuple[str, str, str]]:
    """How all alerts did, in words: the measure, the alerts' figure, that of contracts like theirs."""
    return [
        (MEASURES[item.measure], _shares(item, item.alerts), _shares(item, item.matched))
        for item in lines
        if item.group == "all" and item.measure in MEASURES
    ]


def print_board(lines: Sequence[Line], to: Console) -> None:
    """Print how all alerts did, beside others like them; then each rule's, star's and name's share that opened."""
    count = next((item.alerts.count for item in lines if (item.group, item.measure) == ("all", "alerts")), 0)
    if not count:
        to.print("No alert has been raised yet, so that there is nothing to keep score of.")
        return
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False)
    for heading in (f"All {count:,}", "Alerts", "Matched"):
        table.add_column(heading)
    told = board_rows([item for item in lines if item.alerts.count or item.matched.count])
    for row in told:
        table.add_row(*row)
    to.print(table if told else "Of none of them it is told yet whether anything was opened, or what came.")
    for group in ("rule", "stars", "name"):
        for item in lines:
            if item.group == group and item.measure == "opened" and item.alerts.count:
                key = _stars(item.key) if group == "stars" else item.key
                said = f"{_shares(item, item.alerts)}; matched {_shares(item, item.matched)}"
                to.print(f"{printable(key):32} opened {said}")
    terminal.say(
        f"Matched: same session, name, right, days, |delta|, volume. In brackets 90 % of draws by session. Contracts: "
        f"ask to bid, {65} cents a contract each way; last to last without quotes. Below {FEWEST} counts only.",
        to,
    )


def _stars(key: str) -> str:
    return {"none": "no stars", "1": "1 star"}.get(key, f"{key} stars")


def _shares(item: Line, figure: Figure) -> str:
    """``54 % (49-58) n 478``; of few only how many there were."""
    if figure.value is None or figure.low is None or figure.high is None:
        return f"n {figure.count:,}"
    value, low, high = (100 * number for number in (figure.value, figure.low, figure.high))
    if item.measure.startswith(("opened", "held")):
        return f"{value:.0f} % ({low:.0f}-{high:.0f}) n {figure.count:,}"
    return f"{value:+.1f} % ({low:+.1f}..{high:+.1f}) n {figure.count:,}"
