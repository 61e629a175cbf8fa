"""Which findings become alerts: the false-discovery rate, the rules' limits and the session's budget."""

from __future__ import annotations

from alert_samples import alert
from hypothesis import given
from hypothesis import strategies as st

from scanner.alerts.episodes import Draft
from scanner.alerts.identity import Key
from scanner.alerts.model import Kind
from scanner.alerts.selection import (
    Admitted,
    Floor,
    Reason,
    Standing,
    admit,
    large_enough,
    passing,
    strongest_first,
    weight,
)
from scanner.alerts.stories import Story
from scanner.severity import Severity


def draft(identity: str, rule: str = "rule", *, calibrated: bool = True, rank: float | None = None, **changes) -> Draft:
    rate = changes.pop("rate", None)
    values = {"severity": Severity.high, "score": 50.0, "stars": 3} | changes
    told = alert(rule_id=rule, **values)
    return Draft(Key(rule, identity), told, calibrated=calibrated, q_value=0.05, rate=rate, rank=rank)


drafts = st.lists(
    st.builds(
        draft,
        st.text("abcdef", min_size=1, max_size=3),
        st.sampled_from(["one", "two"]),
        calibrated=st.booleans(),
        severity=st.sampled_from(Severity),
        rate=st.one_of(st.none(), st.floats(1e-4, 100.0)),
        score=st.floats(0, 100),
        rank=st.one_of(st.none(), st.floats(-5, 5)),
    ),
    max_size=12,
    unique_by=lambda item: item.key,
)


def test_the_order_is_how_often_as_much_comes_and_a_fixed_threshold_counts_as_once_a_session():
    ordered = [
        draft("once in 40", rate=1 / 40, severity=Severity.notice),
        draft("once in 3", rate=1 / 3, score=10.0),
        draft("not ranked, critical", severity=Severity.critical),
        draft("not ranked, score", score=60.0),
        draft("not ranked, rank", rank=2.0),
        draft("not ranked"),
        draft("uncalibrated", calibrated=False, severity=Severity.critical, stars=None, score=None),
        draft("twice a session", rate=2.0, severity=Severity.critical),
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


def test_without_a_rate_asked_for_only_what_cannot_be_ranked_yet_must_stand_out():
    ranked = Draft(Key("r", "a"), alert(), calibrated=True, q_value=0.9, rate=4.0)
    stands_out = Draft(Key("r", "b"), alert(), calibrated=True, q_value=0.10)
    common = Draft(Key("r", "c"), alert(), calibrated=True, q_value=0.11)
    assert passing([ranked, stands_out, common], None) == ([ranked, stands_out], [common])
    assert passing([ranked], 0.10) == ([], [ranked])


def sized(lots: int, premium: float | None) -> Draft:
    story = Story("S 1", 3.0, (), lots, premium, None, Kind.unknown, ())
    return Draft(Key("r", f"{lots} {premium}"), alert(), calibrated=True, story=story)


def test_a_floor_is_of_lots_and_of_money_and_what_is_not_known_passes():
    large, few, cheap, unknown = sized(100, 25_000.0), sized(99, 9e6), sized(5_000, 24_999.0), sized(100, None)
    whole_name = Draft(Key("r", "name"), alert(), calibrated=True)
    kept, held = large_enough([large, few, cheap, unknown, whole_name], Floor(25_000.0, 100))
    assert (kept, held) == ([large, unknown, whole_name], [few, cheap])


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
    ended = Standing(Key("rule", "ended"), (0, True, 0), displaceable=False)
    admitted = admit([draft("new")], frozenset(), [ended], 1, {})
    assert [reason for _, reason in admitted.held_back] == [Reason.budget]
