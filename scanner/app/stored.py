"""What the state keeps: alerts, what became of each, how each rule has done, and the watchlist of the newest."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, overload

from scanner.app import configuring
from scanner.errors import StoreError, UsageError

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl

    from scanner.activity.record import Level
    from scanner.alerts.confirmation import RuleScore
    from scanner.alerts.model import Alert
    from scanner.app.configuring import Place
    from scanner.config import Settings
    from scanner.outputs.stored import Story
    from scanner.store.state import Ledger


class Alerts(Sequence["Alert"]):
    """Alerts in the order they were asked for, and as a frame: one row each, columns of ``scanner.alerts.table``."""

    def __init__(self, alerts: Sequence[Alert]) -> None:
        self._alerts = tuple(alerts)

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
    """Alerts that still stand, the list of them as ``text`` in a dialect, and what that dialect cannot name."""

    alerts: Alerts
    text: str
    left_out: tuple[str, ...]


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
        return Alerts(ledger.alerts(min_severity=least, limit=limit, newest_sessions=newest_sessions))


def alert(alert_id: str, *, settings: Settings | Place | None = None, store: Place | None = None) -> Story:
    """One alert by its id or the beginning of it: with its updates, the contracts behind it and what became of them.

    Raises UsageError where no single alert begins so, StoreError where nothing is stored.
    """
    from scanner.activity.record import levels
    from scanner.outputs.stored import Story

    with _ledger(settings, store) as ledger:
        found = ledger.alert(alert_id)
        if found is None:
            raise UsageError(f"no single alert begins with {alert_id!r}; `scanner alerts` lists them with their ids")
        record = levels(ledger.calibration(found.source), before=found.session_date)
        updates, flagged = ledger.updates(found.alert_id), ledger.flagged(alert_id=found.alert_id)
        return Story(found, tuple(updates), tuple(flagged), tuple(record))


def scoreboard(*, settings: Settings | Place | None = None, store: Place | None = None) -> list[RuleScore]:
    """How each rule's alerts have done by the next morning's open interest, beside matched random contracts.

    Shares are decimals, None where nothing was decided. Raises StoreError where nothing is stored.
    """
    from scanner.alerts import confirmation

    with _ledger(settings, store) as ledger:
        return confirmation.scoreboard(ledger.flagged())


def watchlist(
    *,
    dialect: str = "generic",
    sessions: int = 5,
    min_severity: str | None = None,
    limit: int | None = None,
    settings: Settings | Place | None = None,
    store: Place | None = None,
) -> Watchlist:
    """The alerts of the newest ``sessions`` that have any and are not closed, as a list for a platform.

    ``dialect`` is ``generic`` (CSV with all figures), ``tradingview``, ``thinkorswim`` or ``ibkr``. Raises UsageError
    for another one, StoreError where nothing is stored.
    """
    from scanner.alerts.model import Status
    from scanner.outputs import watchlist as lists

    try:
        spelling = lists.Dialect(dialect)
    except ValueError:
        raise UsageError(f"--dialect {dialect}: there are {', '.join(lists.Dialect)}") from None
    found = alerts(min_severity=min_severity, newest_sessions=sessions, settings=settings, store=store)
    current = Alerts([alert for alert in found if alert.status is not Status.closed][:limit])
    calendar = configuring.settings(settings, store=store).exchange_calendar
    return Watchlist(current, lists.render(current, spelling, calendar), tuple(lists.left_out(current, spelling)))


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

    with State.open(configuring.store_folder(settings, store), read_only=True) as state, state.read() as ledger:
        yield ledger
