"""The next morning's verdict: was what was flagged really opened?

Volume says that contracts changed hands; only the open interest published the following morning says whether positions
were opened. A flagged session is *confirmed* when the open interest of its contracts rose by at least half of the
flagged volume, *faded* when it did not, *unconfirmable* when no later open interest can tell (the contracts expired
that day, the figure before or after was never seen, nothing had traded), and *pending* until the vendor publishes a
figure that describes the close of the flagged session (``oi_asof``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from itertools import groupby

import polars as pl

from scanner.alerts.episodes import Event, EventKind
from scanner.alerts.flagged import Flagged
from scanner.alerts.keeping import Keeper
from scanner.alerts.model import Alert, Confirmation
from scanner.alerts.routing import Route, letters
from scanner.alerts.verdict import Verdict
from scanner.market.calendar import Calendar

OPENED_SHARE = 0.5

# The flagged contracts of one alert and session -> the share of random contracts matched on volume, days to expiry,
# |delta| and volume/OI whose open interest rose by as much; None where no match can be drawn.
MatchedRandom = Callable[[Sequence[Flagged]], float | None]


@dataclass(frozen=True, slots=True)
class ConfirmationReport:
    """What one confirmation run decided, and how many flagged sessions still wait for their open interest."""

    verdicts: tuple[Verdict, ...]
    waiting: int

    @property
    def events(self) -> tuple[Event, ...]:
        """What happened to the alerts."""
        return tuple(Event(EventKind(verdict.outcome.value), verdict.alert) for verdict in self.verdicts)


def confirm(
    state: Keeper,
    open_interest: pl.DataFrame,
    now: datetime,
    matched: MatchedRandom | None = None,
    *,
    calendar: Calendar,
    routes: Sequence[Route] = (),
    only: frozenset[tuple[str, date]] | None = None,
) -> ConfirmationReport:
    """Decide every flagged session that can be decided now, and store it with its alert.

    ``open_interest`` holds any number of published figures: underlying, contract, simulated, oi_asof (Date, null where
    the vendor gives no hint), open_interest; chain frames serve as they are. Sessions whose underlying is not in it
    stay pending, as do all but those of the names and sessions in ``only``; the figures of a simulated market decide
    nothing but simulated alerts. What is decided is owed to the ``routes``. Raises StoreError where the state cannot be
    read or written.
    """
    markets = {flag: Published(open_interest.filter(pl.col("simulated") == flag)) for flag in (False, True)}
    today = calendar.session_of(now)
    verdicts: list[Verdict] = []
    decided: list[Flagged] = []
    waiting = 0
    with state.write() as ledger:
        groups = _by_alert_session(ledger.flagged(outcome=Confirmation.pending))
        alerts = ledger.standing({alert_id for alert_id, _ in groups})
        for alert_id, group in groups:
            if only is not None and (group[0].underlying, group[0].session_date) not in only:
                continue
            outcome, opened = judge(group, markets[group[0].simulated], today, calendar)
            if outcome is Confirmation.pending:
                waiting += 1
                continue
            share = matched(group) if matched is not None and outcome is not Confirmation.unconfirmable else None
            decided += (
                replace(
                    item,
                    outcome=outcome.value,
                    opened=opened.get(item.contract),
                    decided_at=now,
                    matched_share=share,
                )
                for item in group
            )
            if alert_id in alerts:
                verdicts.append(_verdict(alerts[alert_id], group, outcome, opened))
                # What was flagged in several sessions stands by what the newest of them said.
                alerts[alert_id] = verdicts[-1].alert
        ledger.decide(decided)
        ledger.confirm([(verdict.alert, verdict.outcome.value) for verdict in verdicts], now)
        report = ConfirmationReport(tuple(verdicts), waiting)
        owed = letters(report.events, routes, ledger.silences(), now, today, calendar)
        ledger.queue(owed, {route.name: route.most_an_hour for route in routes})
    return report


def _verdict(alert: Alert, group: Sequence[Flagged], outcome: Confirmation, opened: Mapping[str, int]) -> Verdict:
    """The verdict, with the alert as it stands by it: what opened, of how much, is kept in its context."""
    session = group[0].session_date
    if not opened:
        return Verdict(alert.changed(confirmation=outcome), session, outcome, None, None)
    volume, lots = sum(item.volume or 0 for item in group if item.contract in opened), sum(opened.values())
    context = {**alert.context, "opened": lots, "opened_of": volume}
    return Verdict(alert.changed(confirmation=outcome, context=context), session, outcome, lots, volume)


class Published:
    """Open interest as published: what is known of a contract at the close of a session, and how far the news reach."""

    def __init__(self, frame: pl.DataFrame) -> None:
        known = frame.filter(pl.col("oi_asof").is_not_null() & pl.col("open_interest").is_not_null())
        self._figures: dict[tuple[str, date], int] = {
            (contract, asof): count
            for contract, asof, count in known.select("contract", "oi_asof", "open_interest").iter_rows()
        }
        self._newest: dict[str, date] = dict(known.group_by("underlying").agg(pl.col("oi_asof").max()).iter_rows())
        self._seen = frozenset(frame["underlying"].unique())

    def at_close(self, contract: str, session: date) -> int | None:
        """Contracts open at the close of a session, or None where that was not published."""
        return self._figures.get((contract, session))

    def newest(self, underlying: str | None) -> date | None:
        """The newest session whose close is described for any contract of an underlying."""
        return None if underlying is None else self._newest.get(underlying)

    def saw(self, underlying: str | None) -> bool:
        """Whether there is anything about an underlying."""
        return underlying in self._seen


def judge(
    group: Sequence[Flagged], published: Published, today: date, calendar: Calendar
) -> tuple[Confirmation, Mapping[str, int]]:
    """The verdict on one alert's flagged session, and by how much each contract's open interest rose.

    ``group`` holds the contracts of one alert and session; volumes and rises are summed over those whose open interest
    is known on both sides.
    """
    session = group[0].session_date
    alive = [item for item in group if item.expiry is None or item.expiry > session]
    if not alive:
        return Confirmation.unconfirmable, {}
    if not _is_published(alive, published, session, today, calendar):
        return Confirmation.pending, {}
    before = calendar.previous_session(session)
    opened: dict[str, int] = {}
    volume = 0
    for item in alive:
        after = published.at_close(item.contract, session)
        if after is None or item.open_interest is None or item.oi_asof != before or item.volume is None:
            continue
        opened[item.contract] = after - item.open_interest
        volume += item.volume
    if volume <= 0:
        return Confirmation.unconfirmable, opened
    confirmed = sum(opened.values()) >= OPENED_SHARE * volume
    return (Confirmation.confirmed if confirmed else Confirmation.faded), opened


def _is_published(
    alive: Sequence[Flagged], published: Published, session: date, today: date, calendar: Calendar
) -> bool:
    """Whether waiting longer cannot bring the open interest of the flagged session's close."""
    underlying = alive[0].underlying
    newest = published.newest(underlying)
    if newest is not None:
        return newest >= session
    return published.saw(underlying) and today > calendar.next_session(session)


def _by_alert_session(flagged: Iterable[Flagged]) -> list[tuple[str, list[Flagged]]]:
    """Flagged contracts of one alert and session together, oldest session first."""

    def key(item: Flagged) -> tuple[date, str]:
        return item.session_date, item.alert_id

    return [(alert_id, list(group)) for (_, alert_id), group in groupby(sorted(flagged, key=key), key)]
