"""What the state keeps: alerts, what became of each, how each rule has done, and the watchlist of the newest."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, overload

from scanner.app import configuring, opening
from scanner.errors import StoreError, UsageError

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl

    from scanner.activity.record import Level
    from scanner.alerts.board import Line
    from scanner.alerts.model import Alert
    from scanner.alerts.verdict import RuleScore
    from scanner.app.configuring import Place
    from scanner.config import Settings
    from scanner.outputs.held_back import HeldBackList
    from scanner.outputs.stored import Story, Told
    from scanner.store.state import Ledger

log = logging.getLogger(__name__)


class Alerts(Sequence["Alert"]):
    """Alerts in the order they were asked for, and as a frame: one row each, columns of ``scanner.alerts.table``.

    ``older`` is how many more there are beyond the number asked for.
    """

    def __init__(self, alerts: Sequence[Alert], older: int = 0) -> None:
        self._alerts = tuple(alerts)
        self.older = older

    def __len__(self) -> int:
        return len(self._alerts)

    @overload
    def __getitem__(self, place: int) -> Alert: ...
    @overload
    def __getitem__(self, place: slice) -> Alerts: ...
    def __getitem__(self, place: int | slice) -> Alert | Alerts:
        return Alerts(self._alerts[place]) if isinstance(place, slice) else self._alerts[place]

    @property
    def frame(self) -> pl.DataFrame:
        """The alerts as a polars frame; scores 0 to 100, instants UTC, sessions New York dates, null where missing."""
        from scanner.alerts.table import table

        return table(self._alerts)

    def to_pandas(self) -> pd.DataFrame:
        """``frame`` as one of pandas; :mod:`scanner.frames` says which dtype becomes which."""
        from scanner.frames import to_pandas

        return to_pandas(self.frame)


@dataclass(frozen=True, slots=True)
class Watchlist:
    """Alerts that still stand, the list of them in the format asked for, and what that format cannot name."""

    alerts: Alerts
    content: bytes
    left_out: tuple[str, ...]

    @property
    def text(self) -> str:
        """``content`` of a format that is text."""
        return self.content.decode()


def alerts(
    *,
    min_severity: str | None = None,
    limit: int | None = None,
    newest_sessions: int | None = None,
    settings: Settings | Place | None = None,
    store: Place | None = None,
) -> Alerts:
    """The stored alerts, newest session and strongest first.

    Only those of ``min_severity`` (info, notice, high, critical) or above, at most ``limit``, of the newest so many
    sessions that have any. ``store`` is the store's folder, else the one of ``settings``. Raises StoreError where
    nothing is stored there.
    """
    least = configuring.severity_for(min_severity)
    with _ledger(settings, store) as ledger:
        found = ledger.alerts(min_severity=least, limit=limit, newest_sessions=newest_sessions)
        more = limit is not None and newest_sessions is None and len(found) == limit
        return Alerts(found, ledger.count_alerts(min_severity=least) - len(found) if more else 0)


def alert(alert_id: str, *, settings: Settings | Place | None = None, store: Place | None = None) -> Story:
    """One alert by its id or the beginning of it: with its updates, the contracts behind it and what became of them.

    What the store's sessions tell of it by now is looked up first. Raises UsageError where no single alert begins so,
    StoreError where nothing is stored.
    """
    from scanner.activity.record import levels
    from scanner.app import following
    from scanner.outputs.stored import Story

    with _ledger(settings, store) as ledger:
        known = ledger.alert(alert_id)
    if known is not None:
        following.refresh(settings, store, frozenset({known.alert_id}))
    with _ledger(settings, store) as ledger:
        found = ledger.alert(alert_id)
        if found is None:
            raise UsageError(f"no single alert begins with {alert_id!r}; `scanner alerts` lists them with their ids")
        record = levels(ledger.calibration(found.source), before=found.session_date)
        updates, flagged = ledger.updates(found.alert_id), ledger.flagged(alert_id=found.alert_id)
        rows = ledger.followed(found.alert_id)
    news = _news(found, configuring.settings(settings, store=store))
    return Story(found, tuple(updates), tuple(flagged), tuple(record), tuple(rows), news)


def _news(alert: Alert, settings: Settings) -> tuple[Told, ...]:
    """What was told of an alert's name from the close before it to the close of its last session."""
    from scanner.outputs.stored import Told

    if alert.underlying is None:
        return ()
    calendar = settings.exchange_calendar
    begin = calendar.session_close(calendar.previous_session(calendar.session_of(alert.first_seen)))
    try:
        told = opening.open_store(settings, read_only=True).told_of.news(
            [alert.underlying], begin, calendar.session_close(alert.session_date)
        )
    except StoreError as error:
        log.warning("%s; news are left out", error)
        return ()
    return tuple(Told(*row) for row in told.select("at", "kind", "what", "source").iter_rows())


@dataclass(frozen=True, slots=True)
class Scoreboard:
    """How alerts have done: ``rules`` by the next morning's open interest, ``outcomes`` after 1, 3 and 5 sessions."""

    rules: list[RuleScore]
    outcomes: list[Line]


def scoreboard(
    *, brief: bool = False, settings: Settings | Place | None = None, store: Place | None = None
) -> Scoreboard:
    """How all alerts have done, none left out, beside contracts that were like them.

    A ``brief`` one has of rules, stars and names only what opened.

    What the store's sessions tell of them by now is looked up first. Shares and moves are decimals, None where nothing
    was decided or too little to tell. Raises StoreError where nothing is stored.
    """
    from scanner.alerts.scoreboard import board, read
    from scanner.alerts.verdict import scoreboard as scores
    from scanner.app import following

    following.refresh(settings, store)
    with _ledger(settings, store) as ledger:
        return Scoreboard(scores(ledger.decided()), board(ledger.told(), read(ledger.outcomes()), brief=brief))


def watchlist(
    *,
    dialect: str = "generic",
    format: str | None = None,  # noqa: A002
    sessions: int = 5,
    since: str | date | None = None,
    top: int | None = None,
    group_by: str | None = None,
    min_severity: str | None = None,
    limit: int | None = None,
    settings: Settings | Place | None = None,
    store: Place | None = None,
) -> Watchlist:
    """The alerts of the newest ``sessions`` that have any and are not closed, as a list to take along.

    ``since`` takes all sessions from a day on instead. ``limit`` is how many alerts at most, ``top`` how many lines,
    the strongest; ``group_by="underlying"`` makes one line a name of them. ``dialect`` is ``generic`` (all figures, in
    a ``format``: csv, xlsx, jsonl or parquet) or a platform's (:mod:`scanner.outputs.exports.registry` has them all).
    Raises UsageError for another one and where a format needs what is not installed, StoreError where nothing is
    stored.
    """
    from scanner.alerts.model import Status
    from scanner.outputs.exports.registry import export_of
    from scanner.outputs.exports.subjects import subjects

    export = export_of(dialect, format)
    if group_by not in (None, "underlying"):
        raise UsageError(f"--group-by {group_by}: lines can be grouped by underlying")
    first = None if since is None else configuring.day_for("--since", since)
    found = alerts(
        min_severity=min_severity, newest_sessions=sessions if first is None else None, settings=settings, store=store
    )
    current = [alert for alert in found if alert.status is not Status.closed]
    current = [alert for alert in current if first is None or alert.session_date >= first][:limit]
    listed = subjects(current, by_name=group_by is not None, top=top)
    written = export.write(listed, configuring.settings(settings, store=store).exchange_calendar)
    kept = {alert.alert_id for subject in listed for alert in subject.alerts}
    standing = Alerts([alert for alert in current if top is None or alert.alert_id in kept])
    return Watchlist(standing, written.content, written.left_out)


def exported(
    alerts: Sequence[Alert], form: str, *, settings: Settings | Place | None = None, store: Place | None = None
) -> bytes:
    """Alerts in one of the formats that watchlists are exported in. Raises UsageError as :func:`watchlist` does."""
    from scanner.outputs.exports.registry import export_of
    from scanner.outputs.exports.subjects import subjects

    calendar = configuring.settings(settings, store=store).exchange_calendar
    return export_of(form=form).write(subjects(alerts), calendar).content


def held_back(
    symbols: str | Sequence[str] = (),
    *,
    session: str | date | None = None,
    limit: int | None = None,
    settings: Settings | Place | None = None,
    store: Place | None = None,
) -> HeldBackList:
    """What the newest scan of a session (default: the newest) found and did not tell, strongest first, and why.

    ``symbols`` narrows it to some names, ``limit`` to so many. Raises UsageError for what is no date or a session
    without a scan, StoreError where nothing is stored.
    """
    from scanner.alerts.model import Alert, HeldBack
    from scanner.market import symbology
    from scanner.outputs.held_back import HeldBackList, strongest_first

    wanted = None if session is None else configuring.day_for("--session", session).isoformat()
    listed = [symbols] if isinstance(symbols, str) else symbols
    names = {symbology.plain_ticker(symbology.ticker(symbol)) for symbol in listed}
    with _ledger(settings, store) as ledger:
        runs = [run for run in ledger.runs() if wanted in (None, run["session_date"])]
        if not runs:
            if wanted is None:
                return HeldBackList(None, ())
            raise UsageError(
                f"--session {wanted}: no scan of it is stored; `scanner alerts` shows the sessions there are"
            )
        rows = ledger.held_back(runs[0]["id"])
    found = [
        HeldBack(Alert.from_dict(row["document"]), row["identity"], row["reason"]) for row in rows if row["document"]
    ]
    mine = [item for item in found if not names or symbology.plain_ticker(item.alert.underlying or "") in names]
    ranked = strongest_first(mine)
    day = date.fromisoformat(runs[0]["session_date"])
    return HeldBackList(day, tuple(ranked[:limit]), max(len(ranked) - (limit or len(ranked)), 0), runs[0]["simulated"])


def calibration_record(settings: Settings | Place | None, store: Place | None) -> list[Level]:
    """How often chances were stated, and came, in the newest sessions of the store; empty where there is no state."""
    from scanner.activity import record

    try:
        with _ledger(settings, store) as ledger:
            return record.levels(ledger.calibration())
    except StoreError:
        return []


@contextmanager
def _ledger(settings: Settings | Place | None, store: Place | None) -> Iterator[Ledger]:
    """The state to be read. Raises ConfigError, or StoreError where there is none yet."""
    from scanner.store.state import State

    with State.open(configuring.state_place(settings, store), read_only=True) as state, state.read() as ledger:
        yield ledger
