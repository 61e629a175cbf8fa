"""Two configurations over the same sessions: the measures of both, and their difference, paired by session."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import numpy as np
import pytest
from alert_samples import alert
from scipy import stats
from standard import calendar

from scanner.alerts.board import Written
from scanner.alerts.comparison import Difference, alone, compared
from scanner.alerts.entries import Entry, entries
from scanner.alerts.flagged import Flagged
from scanner.alerts.model import Alert

SESSIONS = calendar.sessions_between(date(2026, 3, 2), date(2026, 3, 27))
CONFIRMED = '{"confirmed": true, "state": "held", "stock": 0.01, "contract": 0.5}'
FADED = '{"confirmed": false, "state": "not told", "stock": -0.01, "contract": -0.5}'


def ledger(outcomes: Sequence[Sequence[bool]], matched: str = FADED) -> list[Entry]:
    """A ledger with one alert for each value: by session, whether it was confirmed."""
    alerts: list[Alert] = []
    flagged: list[Flagged] = []
    written: list[Written] = []
    for session, values in zip(SESSIONS, outcomes, strict=False):
        for number, confirmed in enumerate(values):
            one = alert(alert_id=f"{session}-{number}", session_date=session, contract=f"X{number}")
            alerts.append(one)
            flagged.append(
                Flagged(
                    one.alert_id, session, one.contract or "", one.rule_id, one.underlying, False, one.expiry,
                    one.last_seen, 1_000, 50, None,
                )
            )  # fmt: skip
            written.append(Written(one.alert_id, session, 1, CONFIRMED if confirmed else FADED, f"[{matched}]"))
    return list(entries(alerts, flagged, written))


def measure(found: Sequence[Difference], name: str, of: str = "alerts") -> Difference:
    (one,) = [item for item in found if (item.measure, item.of) == (name, of)]
    return one


def test_a_share_is_that_of_all_alerts_and_the_difference_is_of_the_shares() -> None:
    one, other = ledger([[True, False]] * 20), ledger([[True, False, False, False]] * 20)
    found = measure(compared(one, other, SESSIONS), "opened")
    assert (found.one.value, found.other.value, found.difference.value) == (0.5, 0.25, 0.25)
    assert (found.one.count, found.other.count) == (40, 80)


def test_what_a_session_does_to_both_cancels_in_the_difference() -> None:
    days = [[True, True], [False, False]] * 10
    found = measure(compared(ledger(days), ledger(days), SESSIONS), "opened")
    assert found.one.low is not None
    assert found.one.high is not None
    assert found.one.high - found.one.low > 0.2
    assert (found.difference.low, found.difference.high) == (0.0, 0.0)


def test_the_interval_is_that_of_whole_sessions_drawn_anew_as_scipy_draws_them() -> None:
    random = np.random.default_rng(3)
    one, other = ([[True] * int(count) for count in random.poisson(3, len(SESSIONS))] for _ in range(2))
    found = measure(compared(ledger(one), ledger(other), SESSIONS), "alerts_a_session")
    counts = [np.array([len(day) for day in each], dtype=float) for each in (one, other)]
    drawn = stats.bootstrap(
        counts,
        lambda mine, theirs, axis: mine.mean(axis=axis) - theirs.mean(axis=axis),
        paired=True,
        confidence_level=0.9,
        method="percentile",
        rng=np.random.default_rng(1),
    ).confidence_interval
    assert found.difference.value == pytest.approx(counts[0].mean() - counts[1].mean())
    assert found.difference.low == pytest.approx(drawn.low, abs=0.1)
    assert found.difference.high == pytest.approx(drawn.high, abs=0.1)


def test_contracts_that_were_alike_are_taken_off_before_two_are_compared() -> None:
    one, other = ledger([[True, False]] * 20, matched=CONFIRMED), ledger([[True, False]] * 20, matched=FADED)
    found = measure(compared(one, other, SESSIONS), "opened", "beyond matched")
    assert (found.one.value, found.other.value, found.difference.value) == (-0.5, 0.5, -1.0)


def test_below_twenty_alerts_there_is_a_count_and_below_ten_sessions_no_interval() -> None:
    few = measure(compared(ledger([[True]] * 19), ledger([[True, False]] * 19), SESSIONS), "opened")
    assert (few.one.count, few.one.value, few.difference.value) == (19, None, None)
    short = measure(compared(ledger([[True] * 5] * 9), ledger([[False] * 5] * 9), SESSIONS[:9]), "opened")
    assert (short.difference.value, short.difference.low, short.difference.high) == (1.0, None, None)


def test_sessions_in_which_nothing_was_told_count() -> None:
    found = measure(compared(ledger([[True] * 4]), [], SESSIONS), "alerts_a_session")
    assert found.one.value == pytest.approx(4 / len(SESSIONS))
    assert found.other.value == 0.0


def test_what_both_told_of_one_contract_in_one_session_is_told_by_neither_alone() -> None:
    one, other = ledger([[True, False], [True]]), ledger([[False], [True, True]])
    assert [(entry.session_date, entry.alert.contract) for entry in alone(one, other)] == [(SESSIONS[0], "X1")]
    assert [(entry.session_date, entry.alert.contract) for entry in alone(other, one)] == [(SESSIONS[1], "X1")]
