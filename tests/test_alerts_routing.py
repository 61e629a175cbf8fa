"""Who is told of what, and when: times worked out by hand from New York's clock."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta

import pytest
from alert_samples import THURSDAY, alert, at, put_call_alert
from standard import calendar

from scanner.alerts.episodes import Event, EventKind
from scanner.alerts.model import Status
from scanner.alerts.routing import Route, letters
from scanner.alerts.silence import Silence, Subject
from scanner.severity import Severity

NOON = at(THURSDAY, 16)  # 12:00 in New York in September


def owed(*events: Event, route: Route = Route("phone"), silences=(), now=NOON):  # noqa: B008
    return letters(events, [route], silences, now, THURSDAY, calendar)


def test_new_and_grown_alerts_are_told_and_what_merely_goes_on_is_not():
    events = [Event(kind, alert(alert_id=kind.value)) for kind in EventKind]
    assert [letter.kind for letter in owed(*events)] == ["new", "escalated", "confirmed", "faded", "gone"]


@pytest.mark.parametrize(
    ("route", "told"),
    [
        (Route("x", min_severity=Severity.high), ["GOOG"]),
        (Route("x", min_severity=Severity.critical), []),
        (Route("x", min_severity=Severity.critical, min_stars=3), ["GOOG", "NVDA"]),
        (Route("x", min_stars=4), ["GOOG"]),
        (Route("x", names=frozenset({"NVDA"})), ["NVDA"]),
    ],
)
def test_an_output_is_told_of_what_it_asks_for(route, told):
    events = [Event(EventKind.new, alert()), Event(EventKind.new, put_call_alert())]
    assert [letter.alert.underlying for letter in owed(*events, route=route)] == told


@pytest.mark.parametrize(
    ("changes", "now", "due"),
    [
        ({}, NOON, NOON),
        ({"digest": timedelta(minutes=30)}, at(THURSDAY, 16, 10), at(THURSDAY, 16, 30)),
        ({"digest": timedelta(minutes=30)}, at(THURSDAY, 16, 30), at(THURSDAY, 17, 0)),
        ({"digest": "close"}, NOON, at(THURSDAY, 20, 30)),  # 16:00 in New York and half an hour
        ({"digest": "morning"}, NOON, datetime(2025, 9, 5, 14, 15, tzinfo=UTC)),  # Friday 10:15
        ({"quiet": (time(22), time(8))}, datetime(2025, 9, 5, 3, 0, tzinfo=UTC), datetime(2025, 9, 5, 12, tzinfo=UTC)),
        ({"quiet": (time(22), time(8))}, datetime(2025, 9, 5, 5, 0, tzinfo=UTC), datetime(2025, 9, 5, 12, tzinfo=UTC)),
        ({"quiet": (time(22), time(8))}, datetime(2025, 9, 5, 12, 0, tzinfo=UTC), datetime(2025, 9, 5, 12, tzinfo=UTC)),
        ({"quiet": (time(11), time(13))}, NOON, at(THURSDAY, 17)),
        ({"quiet": (time(11), time(13)), "digest": "close"}, NOON, at(THURSDAY, 20, 30)),
    ],
)
def test_a_message_waits_for_its_digest_and_for_the_end_of_quiet_hours(changes, now, due):
    (letter,) = owed(Event(EventKind.new, alert()), route=Route("x", **changes), now=now)
    assert letter.due_at == due


@pytest.mark.parametrize(
    ("now", "due"),
    [
        (at(THURSDAY, 13, 40), at(THURSDAY, 14, 15)),  # 09:40 in New York: with the alerts that they are about, 10:15
        (at(THURSDAY, 15, 0), at(THURSDAY, 15, 0)),  # the digest has gone: at once
    ],
)
def test_what_the_morning_says_is_in_the_digest_of_that_morning(now, due):
    events = [Event(EventKind.confirmed, alert()), Event(EventKind.faded, alert())]
    assert [letter.due_at for letter in owed(*events, route=Route("x", digest="morning"), now=now)] == [due, due]


@pytest.mark.parametrize(
    ("subject", "value"),
    [
        (Subject.alert, "0123456789abcdef"),
        (Subject.contract, "GOOG250912C00235000"),
        (Subject.name, "GOOG"),
        (Subject.rule, "call-buildup"),
    ],
)
def test_what_is_muted_owes_nobody_a_message_until_then(subject, value):
    wish = Silence("1", "mute", subject, value, NOON - timedelta(days=1), NOON + timedelta(hours=1))
    events = [Event(EventKind.new, alert()), Event(EventKind.new, put_call_alert())]
    told = [letter.alert.underlying for letter in owed(*events, silences=[wish])]
    assert told == ["NVDA"]
    assert len(owed(*events, silences=[wish], now=NOON + timedelta(hours=1))) == 2


def test_an_acknowledged_alert_speaks_again_only_where_it_grows():
    wish = Silence("1", "ack", Subject.alert, "0123456789abcdef", NOON)
    grown = Event(EventKind.escalated, alert(status=Status.escalated))
    assert owed(Event(EventKind.confirmed, alert(status=Status.ongoing)), silences=[wish]) == []
    assert [letter.kind for letter in owed(grown, silences=[wish])] == ["escalated"]


def test_the_same_news_has_the_same_id_and_other_news_another():
    def of(kind, **changes):
        return owed(Event(kind, alert(**changes)))[0].message_id

    assert of(EventKind.new) == of(EventKind.new, stars=3)
    grown = {of(EventKind.escalated, stars=stars) for stars in (3, 4, 5)}
    assert len({of(EventKind.new), *grown}) == 4
    assert owed(Event(EventKind.new, alert()), route=Route("other"))[0].message_id != of(EventKind.new)
