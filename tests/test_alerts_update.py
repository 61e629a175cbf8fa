"""Findings of successive scans become alerts, in a real SQLite state."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from alert_samples import (
    FRIDAY,
    GOOG_235,
    MONDAY,
    NVDA_130,
    THURSDAY,
    TUESDAY,
    SampleRule,
    at,
    finding,
    findings,
    frames,
    scan,
)
from sqlalchemy import event
from standard import update

from scanner.alerts.episodes import EventKind
from scanner.alerts.model import NotJudged, Status
from scanner.alerts.update import AlertUpdate
from scanner.ruleset import Cooldown
from scanner.severity import Severity
from scanner.store.state import State

NVDA = {"identity": NVDA_130, "contract": NVDA_130, "underlying": "NVDA", "root": "NVDA", "strike": 130.0, "right": "P"}


STORY = {"story": 1, "family": "one session", "combined_surprise": 7.2, "premium_surprise": 2.0, "premium": 1.2e7}


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    with State.open(tmp_path) as opened:
        yield opened


RULES = (SampleRule(),)


def judge(state: State | None, moment, *found, rules=RULES, frames_=None, **options) -> AlertUpdate:
    session = moment.date()
    choices = {"budget": 20, "false_discovery_rate": 0.10} | options
    return update(
        findings(*found), rules, state, scan(moment, session), frames() if frames_ is None else frames_, **choices
    )


def test_two_scans_of_a_session_update_one_alert(state):
    first = judge(state, at(THURSDAY, 15), finding())
    second = judge(state, at(THURSDAY, 20), finding())
    assert [event.kind for event in first.events] == [EventKind.new]
    assert [event.kind for event in second.events] == [EventKind.ongoing]
    assert first.alerts[0].alert_id == second.alerts[0].alert_id
    assert second.alerts[0].first_seen == at(THURSDAY, 15)
    assert second.alerts[0].last_seen == at(THURSDAY, 20)
    with state.read() as ledger:
        assert len(ledger.alerts()) == 1
        assert [step.event for step in ledger.updates(first.alerts[0].alert_id)] == ["new", "ongoing"]


def test_rewording_a_rule_does_not_make_a_second_alert(state):
    first = judge(state, at(THURSDAY, 15), finding(message="one wording"))
    second = judge(state, at(THURSDAY, 16), finding(message="another"), rules=(SampleRule(title="Renamed"),))
    assert first.alerts[0].alert_id == second.alerts[0].alert_id
    assert second.alerts[0].message == "another"


def test_judging_the_same_moment_again_gives_the_same_alerts_and_says_which_were_told_before(state):
    first = judge(state, at(THURSDAY, 20), finding())
    again = judge(state, at(THURSDAY, 20), finding())
    assert (first.alerts, first.events, first.held_back) == (again.alerts, again.events, again.held_back)
    assert (first.repeated, again.repeated) == (frozenset(), {first.alerts[0].alert_id})
    another = "GOOG250912C00240000"
    both = judge(state, at(THURSDAY, 20), finding(), finding(identity=another, contract=another))
    assert {alert.contract: alert.alert_id in both.repeated for alert in both.alerts} == {
        GOOG_235: True,
        another: False,
    }
    with state.read() as ledger:
        assert len(ledger.updates(first.alerts[0].alert_id)) == 1


def test_a_calibrated_finding_above_the_false_discovery_rate_is_held_back_and_stored(state):
    result = judge(state, at(THURSDAY, 20), finding(**NVDA, evidence={"volume_surprise": 2.0}))
    assert result.alerts == ()
    assert result.held_back_counts == {"false-discovery rate": 1}
    with state.read() as ledger:
        stored = ledger.held_back("run-20250904T2000")
    assert [(row["identity"], row["reason"]) for row in stored] == [(NVDA_130, "false-discovery rate")]


def test_an_uncalibrated_finding_needs_no_q_value_and_has_no_score(state):
    result = judge(state, at(THURSDAY, 20), finding(calibrated=False, evidence={"volume_oi": 15.5}))
    alert = result.alerts[0]
    assert (alert.score, alert.stars) == (None, None)
    assert alert.evidence["uncalibrated"] is True
    assert alert.baseline.kind is None


def test_a_score_on_the_prior_alone_is_at_most_a_notice(state):
    result = judge(state, at(THURSDAY, 20), finding(severity="critical"), frames_=frames(baseline_kind="prior"))
    assert result.alerts[0].severity is Severity.notice
    assert result.alerts[0].baseline.kind == "prior"


def test_the_baseline_names_the_sessions_behind_it(state):
    """Five sessions back from the newest of the panel: 27 August to 3 September 2025."""
    baseline = judge(state, at(THURSDAY, 20), finding()).alerts[0].baseline
    assert baseline.as_dict() == {"kind": "own", "sessions": 5, "from": "2025-08-27", "to": "2025-09-03"}


def test_an_alert_carries_the_market_around_it(state):
    evidence = judge(state, at(THURSDAY, 20), finding()).alerts[0].evidence
    assert list(evidence)[:2] == ["volume", "volume_surprise"]
    assert {name: evidence[name] for name in ("spot", "bid", "ask", "last", "open_interest", "put_call_volume")} == {
        "spot": 232.3,
        "bid": 2.45,
        "ask": 2.55,
        "last": 2.5,
        "open_interest": 3120,
        "put_call_volume": 0.41,
    }


def test_the_budget_takes_the_strongest_and_counts_the_rest(state):
    weak = finding(**NVDA, calibrated=False, severity="critical", evidence={"volume_oi": 9.0})
    result = judge(state, at(THURSDAY, 20), weak, finding(), budget=1)
    assert [alert.contract for alert in result.alerts] == [GOOG_235]
    assert result.held_back_counts == {"alert budget": 1}


def test_the_budget_is_the_sessions_and_an_update_costs_nothing(state):
    judge(state, at(THURSDAY, 15), finding(), budget=1)
    later = judge(
        state,
        at(THURSDAY, 16),
        finding(),
        finding(**NVDA, calibrated=False, evidence={"volume_oi": 9.0}),
        budget=1,
    )
    assert [event.kind for event in later.events] == [EventKind.ongoing]
    assert later.held_back_counts == {"alert budget": 1}
    next_day = judge(state, at(FRIDAY, 15), finding(**NVDA, calibrated=False, evidence={"volume_oi": 9.0}), budget=1)
    assert [event.kind for event in next_day.events] == [EventKind.new]


def test_a_stronger_finding_later_in_the_session_takes_the_place_of_the_weakest_alert(state):
    small = finding(**NVDA, calibrated=False, severity="info", evidence={"volume_oi": 9.0})
    morning = judge(state, at(THURSDAY, 14), small, budget=1)
    noon = judge(state, at(THURSDAY, 16), small, finding(), budget=1)
    assert [(event.kind, event.alert.contract) for event in noon.events] == [
        (EventKind.displaced, NVDA_130),
        (EventKind.new, GOOG_235),
    ]
    assert noon.events[0].alert.alert_id == morning.alerts[0].alert_id
    assert noon.events[0].alert.status is Status.closed
    assert noon.held_back_counts == {"alert budget": 1}
    later = judge(state, at(THURSDAY, 17), small, finding(), budget=1)
    assert [event.kind for event in later.events] == [EventKind.ongoing]
    assert later.held_back_counts == {"alert budget": 1}


def test_an_alert_keeps_its_place_against_an_equal(state):
    judge(state, at(THURSDAY, 14), finding(**NVDA, calibrated=False, evidence={"volume_oi": 9.0}), budget=1)
    equal = finding(calibrated=False, evidence={"volume_oi": 99.0}, rank=99.0)
    assert judge(state, at(THURSDAY, 16), equal, budget=1).held_back_counts == {"alert budget": 1}


def test_within_a_rules_limit_the_stronger_takes_the_place_of_the_weaker(state):
    rules = (SampleRule(limit=1),)
    judge(state, at(THURSDAY, 14), finding(**NVDA, calibrated=False, evidence={"volume_oi": 9.0}), rules=rules)
    noon = judge(state, at(THURSDAY, 16), finding(), rules=rules)
    assert [event.kind for event in noon.events] == [EventKind.displaced, EventKind.new]


def test_a_rules_limit_holds_back_its_weaker_findings(state):
    pair = [
        finding(calibrated=False, evidence={"volume_oi": 15.5}, rank=15.5),
        finding(**NVDA, calibrated=False, evidence={"volume_oi": 14.0}, rank=14.0),
    ]
    result = judge(state, at(THURSDAY, 20), *pair, rules=(SampleRule(limit=1),))
    assert [alert.contract for alert in result.alerts] == [GOOG_235]
    assert result.held_back_counts == {"rule limit": 1}


def test_a_rule_that_must_hold_two_scans_waits_for_the_second(state):
    rules = (SampleRule(hold_scans=2),)
    first = judge(state, at(THURSDAY, 15), finding(), rules=rules)
    assert first.held_back_counts == {"not held long enough": 1}
    again = judge(state, at(THURSDAY, 15), finding(), rules=rules)
    assert again.alerts == ()
    second = judge(state, at(THURSDAY, 16), finding(), rules=rules)
    assert [event.kind for event in second.events] == [EventKind.new]


def test_a_scan_without_the_finding_starts_the_count_again(state):
    rules = (SampleRule(hold_scans=2),)
    judge(state, at(THURSDAY, 15), finding(), rules=rules)
    judge(state, at(THURSDAY, 16), rules=rules)
    third = judge(state, at(THURSDAY, 17), finding(), rules=rules)
    assert third.alerts == ()


@pytest.mark.parametrize(("day", "told"), [(FRIDAY, 1), (MONDAY, 0)])
def test_scans_on_either_side_of_a_session_without_one_are_not_in_a_row(state, day, told):
    rules = (SampleRule(hold_scans=2),)
    judge(state, at(THURSDAY, 20), finding(), rules=rules)
    assert len(judge(state, at(day, 15), finding(), rules=rules).alerts) == told
    assert len(judge(state, at(day, 16), finding(), rules=rules).alerts) == 1


def test_more_stars_than_ever_escalate_and_the_same_do_not(state):
    four, five = (frames(once_in_sessions=once, **STORY) for once in (60.0, 150.0))
    judge(state, at(THURSDAY, 15), finding(), frames_=four)
    stronger = judge(state, at(THURSDAY, 16), finding(), frames_=five)
    same = judge(state, at(THURSDAY, 17), finding(), frames_=five)
    assert [event.kind for event in stronger.events] == [EventKind.escalated]
    assert stronger.alerts[0].status is Status.escalated
    assert [event.kind for event in same.events] == [EventKind.ongoing]


def test_a_story_that_goes_on_the_next_session_stays_one_alert(state):
    first = judge(state, at(THURSDAY, 20), finding())
    second = judge(state, at(FRIDAY, 20), finding())
    assert first.alerts[0].alert_id == second.alerts[0].alert_id
    assert second.alerts[0].session_date == FRIDAY


def test_an_episode_closes_when_its_cooldown_has_passed_in_silence(state):
    """Found on Thursday; one session of cooldown leaves Friday silent; Monday closes it."""
    judge(state, at(THURSDAY, 20), finding())
    assert judge(state, at(FRIDAY, 20)).events == ()
    monday = judge(state, at(MONDAY, 20))
    assert [(event.kind, event.alert.status) for event in monday.events] == [(EventKind.closed, Status.closed)]
    assert judge(state, at(TUESDAY, 20)).events == ()


def test_a_finding_after_the_cooldown_begins_a_new_episode(state):
    first = judge(state, at(THURSDAY, 20), finding())
    again = judge(state, at(MONDAY, 20), finding())
    assert [event.kind for event in again.events] == [EventKind.closed, EventKind.new]
    assert again.events[1].alert.alert_id != first.alerts[0].alert_id


def test_a_cooldown_in_minutes_allows_two_episodes_in_one_session(state):
    rules = (SampleRule(cooldown=Cooldown(30, "minute")),)
    first = judge(state, at(THURSDAY, 15), finding(), rules=rules)
    judge(state, at(THURSDAY, 16), rules=rules)
    third = judge(state, at(THURSDAY, 17), finding(), rules=rules)
    assert [event.kind for event in third.events] == [EventKind.new]
    assert third.alerts[0].alert_id != first.alerts[0].alert_id
    with state.read() as ledger:
        assert {alert.status for alert in ledger.alerts()} == {Status.closed, Status.new}


def test_nothing_closes_when_its_underlying_was_not_scanned(state):
    judge(state, at(THURSDAY, 20), finding())
    only_nvda = {scope: frame.filter(frame["underlying"] == "NVDA") for scope, frame in frames().items()}
    assert judge(state, at(MONDAY, 20), frames_=only_nvda).events == ()


def test_nothing_closes_when_its_rule_could_not_be_judged(state):
    judge(state, at(THURSDAY, 20), finding())
    unknown = NotJudged("call-buildup", "GOOG", ("volume: repeated chain",), 1)
    assert judge(state, at(MONDAY, 20), not_judged=[unknown]).events == ()


def test_an_expired_contract_closes_its_episode_at_the_next_scan(state):
    judge(state, at(THURSDAY, 20), finding(expiry=THURSDAY))
    assert [event.kind for event in judge(state, at(FRIDAY, 15)).events] == [EventKind.closed]


def test_replaying_an_earlier_session_sees_only_what_was_known_then(state):
    judge(state, at(MONDAY, 20), finding())
    earlier = judge(state, at(THURSDAY, 20), finding())
    assert [event.kind for event in earlier.events] == [EventKind.new]
    with state.read() as ledger:
        assert [alert.session_date for alert in ledger.alerts()] == [MONDAY, THURSDAY]


def test_simulated_and_real_markets_never_share_an_episode(state):
    real = update(findings(finding()), [SampleRule()], state, scan(), frames(), budget=20, false_discovery_rate=0.1)
    simulated = update(
        findings(finding()),
        [SampleRule()],
        state,
        scan(at(THURSDAY, 20, 5), simulated=True),
        frames(),
        budget=20,
        false_discovery_rate=0.1,
    )
    assert simulated.events[0].kind is EventKind.new
    assert simulated.alerts[0].alert_id != real.alerts[0].alert_id


def test_alerts_are_told_even_when_the_disk_is_full(state):
    """SQLite's own page limit raises the very error that a full disk does."""
    judge(state, at(THURSDAY, 14), finding())

    def limit(connection, _record) -> None:
        connection.execute("PRAGMA max_page_count = 1")

    event.listen(state.engine, "connect", limit)
    state.close()
    crowd = [
        finding(rule_id="crowd", identity=f"{number}", calibrated=False, evidence={}, message="x" * 200)
        for number in range(500)
    ]
    result = judge(state, at(THURSDAY, 15), finding(), *crowd, rules=(*RULES, SampleRule("crowd")))
    event.remove(state.engine, "connect", limit)
    assert [(item.stage, item.code) for item in result.problems] == [("store", "not_stored")]
    assert "the disk is full" in result.problems[0].message
    assert (len(result.alerts), result.held_back_counts) == (20, {"alert budget": 481})
    assert [item.status for item in result.alerts if item.contract == GOOG_235 and item.rule_id == "call-buildup"] == [
        Status.ongoing
    ]
    with state.read() as ledger:
        assert [item.last_seen for item in ledger.alerts()] == [at(THURSDAY, 14)]


def test_without_a_state_every_finding_is_new():
    assert [event.kind for event in judge(None, at(THURSDAY, 15), finding()).events] == [EventKind.new]
