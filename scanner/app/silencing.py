"""Alerts acknowledged, and contracts, names and rules muted: by whom they are asked for, until when."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from scanner.app import clock, configuring
from scanner.errors import UsageError

if TYPE_CHECKING:
    from scanner.alerts.silence import Silence, Subject
    from scanner.app.configuring import Place
    from scanner.config import Settings
    from scanner.store.state import Ledger

_SHORTEST_ID = 4


def acknowledge(
    alert_id: str, until: str | None = None, *, settings: Settings | Place | None = None, store: Place | None = None
) -> Silence:
    """Be told no more of an alert, unless it grows: by its id or the beginning of it, for good or until a moment.

    ``until`` is ISO 8601 (a bare date: that session's close) or a span from now (``2h``, ``3d``). Raises UsageError
    where no single alert begins so, StoreError where nothing is stored.
    """
    return _silence("ack", alert_id, until, settings, store)


def mute(
    what: str, until: str | None = None, *, settings: Settings | Place | None = None, store: Place | None = None
) -> Silence:
    """Be told nothing of an alert (by the beginning of its id), a contract, a name or a rule.

    Alerts are stored and counted as ever. Arguments are those of :func:`acknowledge`. Raises what that raises.
    """
    return _silence("mute", what, until, settings, store)


def unmute(what: str, *, settings: Settings | Place | None = None, store: Place | None = None) -> int:
    """Take back what was acknowledged or muted; returns how many wishes there were. Raises as :func:`mute` does."""
    from scanner.store.state import State

    with State.open(configuring.state_place(settings, store)) as state, state.write() as ledger:
        subject, value = _meant(what, ledger)
        return ledger.unsilence(subject, value)


def silences(*, settings: Settings | Place | None = None, store: Place | None = None) -> list[Silence]:
    """What is silenced now, oldest first. Raises StoreError where nothing is stored."""
    from scanner.store.state import State

    with State.open(configuring.state_place(settings, store), read_only=True) as state, state.read() as ledger:
        return [wish for wish in ledger.silences() if wish.holds(clock.right_now())]


def _silence(
    kind: str, what: str, until: str | None, settings: Settings | Place | None, store: Place | None
) -> Silence:
    from scanner.alerts.silence import Silence, Subject
    from scanner.store.state import State

    now = clock.right_now()
    ends = _until(until, now, settings)
    place = configuring.state_place(settings, store)
    # Nothing is made where there is nothing yet to be silent about.
    State.open(place, read_only=True).close()
    with State.open(place) as state, state.write() as ledger:
        subject, value = _meant(what, ledger)
        if kind == "ack" and subject is not Subject.alert:
            raise UsageError(f"{what} is no alert; `scanner alerts mute {what}` silences a {subject.value}")
        wish = Silence(uuid.uuid4().hex, kind, subject, value, now, ends)
        ledger.silence(wish)
        return wish


def _meant(what: str, ledger: Ledger) -> tuple[Subject, str]:
    """What somebody means: a rule, a contract, a name that has alerts, or an alert by the beginning of its id."""
    from scanner.alerts.silence import Subject
    from scanner.market import symbology

    said = what.strip()
    rules, names = ledger.known_subjects()
    if said in rules:
        return Subject.rule, said
    try:
        symbology.parse_osi(said.upper())
    except ValueError:
        pass
    else:
        return Subject.contract, said.upper()
    if (name := symbology.ticker(said)) in names:
        return Subject.name, name
    alert = ledger.alert(said.lower()) if len(said) >= _SHORTEST_ID else None
    if alert is not None:
        return Subject.alert, alert.alert_id
    raise UsageError(
        f"{said[:60]}: no single alert begins so, and no stored alert has such a contract, name or rule; "
        "`scanner alerts` lists them with their ids"
    )


def _until(until: str | None, now: datetime, settings: Settings | Place | None) -> datetime | None:
    if until is None:
        return None
    unit = {"m": "minutes", "h": "hours", "d": "days"}.get(until[-1:])
    try:
        ends = (
            now + timedelta(**{unit: int(until[:-1])})
            if unit is not None and until[:-1].isdecimal()
            else configuring.instant_for(until, configuring.settings(settings).exchange_calendar)
        )
    except OverflowError as error:
        raise UsageError(f"--until {until}: that is too far away") from error
    except UsageError as error:
        said = str(error).removeprefix("--as-of ")
        raise UsageError(f"--until {said}; or a span from now, such as 2h or 3d") from error
    assert ends is not None
    if ends <= now:
        raise UsageError(f"--until {until}: that is over already")
    return ends
