"""An episode's name depends on what it is about and when it began, and on nothing else."""

from __future__ import annotations

import hashlib

from alert_samples import FRIDAY, GOOG_235, THURSDAY
from hypothesis import given
from hypothesis import strategies as st

from scanner.alerts.identity import Key, alert_id

KEY = Key("call-buildup", GOOG_235)


def test_the_name_is_the_same_on_every_machine_and_in_every_version():
    text = "call-buildup\x1fGOOG250912C00235000\x1fmarket\x1f2025-09-04"
    assert alert_id(KEY, THURSDAY) == hashlib.sha256(text.encode()).hexdigest()[:16]


def test_rule_identity_market_session_and_ordinal_each_make_another_name():
    names = {
        alert_id(KEY, THURSDAY),
        alert_id(Key("other", GOOG_235), THURSDAY),
        alert_id(Key("call-buildup", "GOOG"), THURSDAY),
        alert_id(Key("call-buildup", GOOG_235, simulated=True), THURSDAY),
        alert_id(KEY, FRIDAY),
        alert_id(KEY, THURSDAY, 1),
    }
    assert len(names) == 6


@given(
    st.text("ab|-", max_size=4), st.text("ab|-", max_size=4), st.text("ab|-", max_size=4), st.text("ab|-", max_size=4)
)
def test_parts_never_run_into_each_other(rule, identity, other_rule, other_identity):
    same = alert_id(Key(rule, identity), THURSDAY) == alert_id(Key(other_rule, other_identity), THURSDAY)
    assert same == ((rule, identity) == (other_rule, other_identity))
