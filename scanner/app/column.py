"""A week of the store put together for the column: of every session, whether a scan judged it or not."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from scanner.app import opening
from scanner.app.event_moves import closes_of, past_events
from scanner.errors import StoreError, UsageError

if TYPE_CHECKING:
    import polars as pl

    from scanner.alerts.model import Alert
    from scanner.config import Settings
    from scanner.history.panel import Panel
    from scanner.outputs.column.week import Basket, Episode, Expiring, NameWeek, Week
    from scanner.outputs.moves import Held
    from scanner.pipeline import Setup
    from scanner.store.state import Ledger
    from scanner.store.store import Store

# Of what opened overnight: open interest rose by this part of the volume or more.
_OPENED = 0.5


def week_of(day: date) -> tuple[date, date]:
    """Monday and Friday of a date's week."""
    monday = day - timedelta(days=day.weekday())
    return monday, monday + timedelta(days=4)


def column(settings: Settings, day: date, names: Sequence[str], *, must_be_there: bool) -> Week:
    """The week that a day lies in, as the store has it, of some names or of all that it has at its end.

    What scans told of it is taken from the state where they judged every session of it; else the sessions are judged
    anew, each by what was known then, and nothing of that is kept. Raises StoreError where the week is not in the
    store, UsageError for a name that is not, where it ``must_be_there``.
    """
    from scanner.outputs.column.week import Week

    calendar = settings.exchange_calendar
    monday, friday = week_of(day)
    store = opening.open_history(settings)
    source, stored = _source(store, monday, friday)
    last = stored[-1]
    panel = store.history.panel(source, None, calendar.next_session(last))
    chosen, notes = _chosen(panel, last, names, must_be_there=must_be_there)
    told, anew = _told(settings, source, chosen, stored)
    sessions = [session for session in calendar.sessions_between(monday, friday) if session <= last]
    closes = {name: dict(closes_of(store, name, last).iter_rows()) for name in panel.underlyings}
    found = list(_names(store, source, panel, chosen, told, closes, settings))
    rows = panel.underlying_sessions.filter(session_date=last)
    return Week(
        last=last,
        sessions=sessions,
        missing=[session for session in sessions if session not in stored],
        names=found,
        basket=_basket(closes, last),
        simulated="simulated" in rows.columns and bool(rows["simulated"].any()),
        judged_anew=anew,
        notes=notes,
    )


def _source(store: Store, monday: date, friday: date) -> tuple[str, list[date]]:
    """The source that has most of the week, and its sessions."""
    held = {
        source: [day for day in store.summaries.sessions(source) if monday <= day <= friday]
        for source in store.summaries.sources()
    }
    source = max(held, key=lambda name: len(held[name]), default=None)
    if source is None or not held[source]:
        raise StoreError(f"{store.place} holds no session from {monday} to {friday}; see `scanner store info`")
    return source, held[source]


def _chosen(panel: Panel, last: date, names: Sequence[str], *, must_be_there: bool) -> tuple[list[str], list[str]]:
    """The names to tell of, as the store spells them, and a note of those that it does not have."""
    from scanner.market.symbology import plain_ticker

    there = panel.underlying_sessions.filter(session_date=last)["underlying"].to_list()
    if not names:
        return sorted(there), []
    spelled = {plain_ticker(name): name for name in there}
    missing = [name for name in names if plain_ticker(name) not in spelled]
    if missing and (must_be_there or len(missing) == len(names)):
        raise UsageError(f"{', '.join(missing)}: not in the store on {last}; there are {', '.join(sorted(there))}")
    chosen = [spelled[plain] for name in names if (plain := plain_ticker(name)) in spelled]
    return chosen, [f"Not in the store on {last}: {', '.join(missing)}."] if missing else []


def _told(settings: Settings, source: str, names: Sequence[str], stored: Sequence[date]) -> tuple[list[Alert], bool]:
    """The alerts of the week's sessions, and whether the sessions were judged anew for them."""
    from scanner.app import replaying

    try:
        with opening.open_state(settings, read_only=True) as state, state.read() as ledger:
            if _all_judged(ledger, stored):
                found = [
                    alert for day in stored for flag in (False, True) for alert in ledger.session_alerts(day, flag)
                ]
                return [alert for alert in found if alert.underlying in names], False
    except StoreError:
        # Without a state nothing was judged yet.
        pass
    judged = replaying.replay(stored[0], stored[-1], names, settings=settings, source=source)
    return [alert for result in judged for alert in result.alerts], True


def _all_judged(ledger: Ledger, stored: Iterable[date]) -> bool:
    scanned = {run["session_date"] for run in ledger.runs(limit=10_000)}
    return all(day.isoformat() in scanned for day in stored)


def _names(
    store: Store,
    source: str,
    panel: Panel,
    names: Sequence[str],
    told: Sequence[Alert],
    closes: Mapping[str, Mapping[date, float]],
    settings: Settings,
) -> Iterator[NameWeek]:
    from scanner import pipeline
    from scanner.app import preparing
    from scanner.outputs.column.week import NameWeek
    from scanner.sources.receiving import newest_quotes

    last = panel.sessions[-1]
    base = store.calendar.previous_session(week_of(last)[0])
    setup = preparing.setup(settings, store, None)
    chain = store.snapshots.newest(source, last, names)
    frames = {} if chain.is_empty() else pipeline.look(chain, newest_quotes(chain), setup).frames
    for name in names:
        kept = closes.get(name, {})
        yield NameWeek(
            name=name,
            returned=_return(kept, base, last),
            year=_return(kept, store.calendar.previous_session(date(last.year, 1, 1)), last),
            context=_context(panel, frames, name, base, last),
            episode=_episode(panel, [alert for alert in told if alert.underlying == name], last),
            expiring=_expiring(frames, name, setup),
            events=tuple(_events(store, name, closes, last, setup)),
        )


def _return(closes: Mapping[date, float], start: date, end: date) -> float | None:
    return closes[end] / closes[start] - 1 if start in closes and end in closes else None


def _context(panel: Panel, frames: Mapping[str, pl.DataFrame], name: str, base: date, last: date) -> dict[str, Any]:
    """What is known of a name at the week's end, its changes against the end of the week before."""
    rows = {row["session_date"]: row for row in panel.underlying_sessions.filter(underlying=name).iter_rows(named=True)}
    measured = frames["underlying"].filter(underlying=name) if frames else None
    now = {**rows.get(last, {}), **(measured.row(0, named=True) if measured is not None and measured.height else {})}
    before = rows.get(base, {})
    level, was = now.get("iv30"), before.get("iv30")
    return {
        **now,
        "iv30_change": None if level is None or was is None else level - was,
        "put_call_volume_prev": before.get("put_call_volume"),
    }


def _episode(panel: Panel, told: Sequence[Alert], last: date) -> Episode | None:
    """The strongest of a name's alerts that are about the volume of contracts, and what became of it."""
    from scanner.outputs import sentence
    from scanner.outputs.column.week import Episode

    known = [alert for alert in told if "story" in alert.context and sentence.traded(alert) is not None]
    if not known:
        return None
    alert = max(known, key=lambda item: (*item.strength, item.session_date))
    story = alert.context["story"]
    named = [name for name in dict.fromkeys((alert.contract, *alert.drivers)) if name is not None]
    opened, rises = _became(panel, named, alert.session_date, last)
    return Episode(
        session=alert.session_date,
        strikes=(story["strikes"][0], story["strikes"][1]),
        rights=story["rights"],
        expiries=(date.fromisoformat(story["expiries"][0]), date.fromisoformat(story["expiries"][1])),
        traded=story["traded"],
        usual=story["usual"],
        sessions=story["sessions"],
        once_in_sessions=alert.once_in_sessions,
        opened=opened,
        rises=rises,
        strength=alert.strength,
    )


def _became(panel: Panel, contracts: Sequence[str], session: date, last: date) -> tuple[bool | None, int]:
    """Whether open interest rose by half of a session's volume the next morning, and for how many mornings it rose.

    A session's open interest is that of the close before it; where one of the contracts is not known, nothing is.
    """
    import numpy as np

    rows = np.flatnonzero(panel.contracts["contract"].is_in(list(contracts)).to_numpy())
    if len(rows) == 0 or len(rows) < len(contracts):
        return None, 0
    held = panel.open_interest[rows].sum(axis=0, dtype=float)
    volume = panel.volume[rows].sum(axis=0, dtype=float)
    place = panel.sessions.index(session) if session in panel.sessions else -1
    end = panel.sessions.index(last)
    rises = 0
    for number in range(end, 0, -1):
        # What is not known is a NaN, which is greater than nothing.
        if not held[number] > held[number - 1]:
            break
        rises += 1
    if place < 0 or place + 1 > end or np.isnan(held[place + 1] - held[place]):
        return None, rises
    return bool(held[place + 1] - held[place] >= _OPENED * volume[place]), rises


def _expiring(frames: Mapping[str, pl.DataFrame], name: str, setup: Setup) -> Expiring | None:
    """What goes with the next expiry of a name, all roots of that date together."""
    import polars as pl

    from scanner.metrics import exposures
    from scanner.metrics.arithmetic import known_sum
    from scanner.outputs.column.week import Expiring

    if not frames:
        return None
    expiries = frames["expiry"].filter(underlying=name)
    convention = exposures.Convention.calls_long_puts_short
    held = exposures.live(frames["contract"].filter(underlying=name), expiries, setup.calendar, convention)
    rows = exposures.by_expiry(held, expiries)
    parts = ("notional_oi", "oi_share", "gamma_share", "positive_gamma_share")
    dates = rows.group_by("expiry").agg(known_sum(pl.col(part)).alias(part) for part in parts).sort("expiry")
    return None if dates.is_empty() else Expiring(*dates.row(0))


def _events(
    store: Store, name: str, closes: Mapping[str, Mapping[date, float]], last: date, setup: Setup
) -> Iterator[Held]:
    """The events of a name whose move fell into the week."""
    import polars as pl

    from scanner.market import corporate_events
    from scanner.metrics import event_moves

    events = corporate_events.spelled_as(store.events, [name])
    if events is None:
        return
    own, monday = events.filter(underlying=name), week_of(last)[0]
    after = [event_moves.around(day, when, store.calendar)[1] for day, when in own.select("date", "when").iter_rows()]
    fell = [moved is not None and monday <= moved <= last for moved in after]
    yield from past_events(store, name, own.filter(pl.Series(fell, dtype=pl.Boolean)), last, setup)


def _basket(closes: Mapping[str, Mapping[date, float]], last: date) -> Basket | None:
    from scanner.outputs.column import week

    return week.basket(closes, week.SEVEN, closes.get(week.BENCHMARK, {}), last)
