"""Which findings become alerts: the false-discovery rate, the rules' limits and the session's budget."""

from __future__ import annotations

from alert_samples import alert
from hypothesis import given
from hypothesis import strategies as st

from scanner.alerts.episodes import Draft
from scanner.alerts.identity import Key
from scanner.alerts.selection import Admitted, Reason, Standing, admit, passing, strongest_first, weight
from scanner.severity import Severity


def draft(identity: str, rule: str = "rule", *, calibrated: bool = True, rank: float | None = None, **changes) -> Draft:
    values = {"severity": Severity.high, "score": 50.0, "stars": 3} | changes
    return Draft(Key(rule, identity), alert(rule_id=rule, **values), calibrated=calibrated, q_value=0.05, rank=rank)


drafts = st.lists(
    st.builds(
        draft,
        st.text("abcdef", min_size=1, max_size=3),
        st.sampled_from(["one", "two"]),
        calibrated=st.booleans(),
        severity=st.sampled_from(Severity),
        stars=st.integers(0, 5),
        score=st.floats(0, 100),
        rank=st.one_of(st.none(), st.floats(-5, 5)),
    ),
    max_size=12,
    unique_by=lambda item: item.key,
)


def test_the_order_is_calibration_severity_stars_score_and_rank():
    ordered = [
        draft("critical", severity=Severity.critical, stars=1),
        draft("four stars", stars=4),
        draft("score", score=60.0),
        draft("rank", rank=2.0),
        draft("plain"),
        draft("uncalibrated", calibrated=False, severity=Severity.critical, stars=None, score=None),
    ]
    assert [item.key.identity for item in strongest_first(reversed(ordered))] == [item.key.identity for item in ordered]


@given(drafts, st.randoms(use_true_random=False))
def test_the_order_does_not_depend_on_the_order_of_the_findings(items, random):
    shuffled = list(items)
    random.shuffle(shuffled)
    assert strongest_first(shuffled) == strongest_first(items)


def test_the_false_discovery_rate_binds_calibrated_findings_alone():
    at_the_bar = Draft(Key("r", "a"), alert(), calibrated=True, q_value=0.10)
    above = Draft(Key("r", "b"), alert(), calibrated=True, q_value=0.11)
    without = Draft(Key("r", "c"), alert(), calibrated=True, q_value=None)
    uncalibrated = Draft(Key("r", "d"), alert(), calibrated=False, q_value=None)
    assert passing([at_the_bar, above, without, uncalibrated], 0.10) == ([at_the_bar, uncalibrated], [above, without])


@given(drafts, drafts, st.integers(1, 5), st.integers(1, 3))
def test_budget_and_limits_hold_whatever_came_before(earlier, later, budget, limit):
    """The slots filled after two scans of a session never exceed the budget, nor a rule's its limit."""
    limits = {"one": limit}
    first = admit(earlier, frozenset(), [], budget, limits)
    standing = [Standing(item.key, weight(item)) for item in first.accepted]
    fresh = [item for item in later if item.key not in {entry.key for entry in standing}]
    second = admit(fresh, frozenset(), standing, budget, limits)
    remaining = [entry for entry in standing if entry.key not in second.displaced]
    keys = [*(entry.key for entry in remaining), *(item.key for item in second.accepted)]
    assert len(keys) <= budget
    assert sum(key.rule_id == "one" for key in keys) <= limit


@given(drafts, st.integers(1, 5))
def test_every_finding_is_either_accepted_or_held_back_with_a_reason(items, budget):
    admitted = admit(items, frozenset(), [], budget, {})
    held = [item for item, _ in admitted.held_back]
    assert len(admitted.accepted) + len(held) == len(items)
    assert len(admitted.accepted) == min(len(items), budget)
    assert list(admitted.accepted) == strongest_first(items)[:budget]


def test_an_update_of_an_open_alert_costs_nothing():
    item = draft("a")
    admitted = admit([item], frozenset({item.key}), [Standing(Key("rule", "other"), weight(item))], 1, {"rule": 1})
    assert admitted == Admitted((item,), (), frozenset())


def test_an_alert_that_has_ended_keeps_its_slot():
    """A rule whose alerts come and go within a session cannot raise more of them than the budget allows."""
    ended = Standing(Key("rule", "ended"), (True, 0, 0), displaceable=False)
    admitted = admit([draft("new")], frozenset(), [ended], 1, {})
    assert [reason for _, reason in admitted.held_back] == [Reason.budget]
