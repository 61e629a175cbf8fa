"""The next morning's open interest says what became of an alert."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pandas as pd
import polars as pl
import pytest
from alert_samples import (
    FRIDAY,
    GOOG_235,
    MONDAY,
    NVDA_130,
    THURSDAY,
    SampleRule,
    at,
    finding,
    findings,
    frames,
    scan,
)
from standard import calendar, confirm, update

from scanner.alerts.confirmation import Published, judge
from scanner.alerts.episodes import EventKind
from scanner.alerts.flagged import Flagged
from scanner.alerts.model import Confirmation
from scanner.alerts.verdict import scoreboard
from scanner.store.state import State

WEDNESDAY = date(2025, 9, 3)


def flagged(**changes) -> Flagged:
    values = {
        "alert_id": "a1",
        "session_date": THURSDAY,
        "contract": GOOG_235,
        "rule_id": "call-buildup",
        "underlying": "GOOG",
        "simulated": False,
        "expiry": date(2025, 9, 12),
        "flagged_at": at(THURSDAY, 20),
        "volume": 1000,
        "open_interest": 3000,
        "oi_asof": WEDNESDAY,
    }
    return Flagged(**(values | changes))


def morning(
    *figures: tuple[str, date | None, int | None], underlying: str = "GOOG", simulated: bool = False
) -> pl.DataFrame:
    schema = {"underlying": pl.String, "contract": pl.String, "oi_asof": pl.Date, "open_interest": pl.Int64}
    frame = pl.DataFrame([(underlying, *figure) for figure in figures], schema=schema, orient="row")
    return frame.with_columns(simulated=pl.lit(simulated))


@pytest.mark.parametrize(
    ("after", "verdict"),
    [
        (3500, Confirmation.confirmed),
        (3499, Confirmation.faded),
        (2000, Confirmation.faded),
        (4000, Confirmation.confirmed),
    ],
)
def test_half_of_the_flagged_volume_must_have_been_opened(after, verdict):
    """1,000 flagged on 3,000 open: the bar stands at 3,500."""
    outcome, opened = judge([flagged()], Published(morning((GOOG_235, THURSDAY, after))), FRIDAY, calendar)
    assert outcome is verdict
    assert opened == {GOOG_235: after - 3000}


def test_it_waits_until_the_open_interest_describes_the_flagged_session():
    outcome, _ = judge([flagged()], Published(morning((GOOG_235, WEDNESDAY, 3000))), FRIDAY, calendar)
    assert outcome is Confirmation.pending


def test_it_waits_where_the_vendor_does_not_say_which_session_until_that_can_no_longer_come():
    unsaid = Published(morning((GOOG_235, None, 3900)))
    assert judge([flagged()], unsaid, FRIDAY, calendar)[0] is Confirmation.pending
    assert judge([flagged()], unsaid, MONDAY, calendar)[0] is Confirmation.unconfirmable


def test_it_waits_while_the_underlying_has_not_been_fetched():
    other = Published(morning((NVDA_130, FRIDAY, 10), underlying="NVDA"))
    assert judge([flagged()], other, MONDAY, calendar)[0] is Confirmation.pending


def test_a_figure_that_was_never_seen_cannot_confirm():
    later = Published(morning((GOOG_235, FRIDAY, 9000)))
    assert judge([flagged()], later, MONDAY, calendar)[0] is Confirmation.unconfirmable


@pytest.mark.parametrize(
    "changes",
    [
        {"expiry": THURSDAY},
        {"open_interest": None},
        {"oi_asof": date(2025, 9, 2)},
        {"oi_asof": None},
        {"volume": None},
        {"volume": 0},
    ],
    ids=["expired that day", "no figure before", "an older figure before", "an undated one", "no volume", "no trade"],
)
def test_what_no_open_interest_can_tell_is_unconfirmable(changes):
    published = Published(morning((GOOG_235, THURSDAY, 9000)))
    assert judge([flagged(**changes)], published, FRIDAY, calendar)[0] is Confirmation.unconfirmable


def test_a_contract_that_expires_the_next_day_can_still_be_confirmed():
    published = Published(morning((GOOG_235, THURSDAY, 3800)))
    assert judge([flagged(expiry=FRIDAY)], published, FRIDAY, calendar)[0] is Confirmation.confirmed


def test_several_contracts_are_judged_by_their_sums():
    """1,000 + 3,000 flagged; 1,900 + 200 opened is 2,100 of 4,000."""
    second = "GOOG250912C00240000"
    group = [flagged(), flagged(contract=second, volume=3000, open_interest=100)]
    published = Published(morning((GOOG_235, THURSDAY, 4900), (second, THURSDAY, 300)))
    outcome, opened = judge(group, published, FRIDAY, calendar)
    assert outcome is Confirmation.confirmed
    assert opened == {GOOG_235: 1900, second: 200}


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    """A state with one alert of Thursday: 48,210 of GOOG's 235 calls on an open interest of 3,120."""
    with State.open(tmp_path) as opened:
        update(findings(finding()), [SampleRule()], opened, scan(), frames(), budget=20, false_discovery_rate=0.1)
        yield opened


def test_a_confirmed_alert_is_stored_with_its_update_and_figures(state):
    report = confirm(state, morning((GOOG_235, THURSDAY, 40_000)), at(FRIDAY, 14, 30))
    assert [event.kind for event in report.events] == [EventKind.confirmed]
    assert report.waiting == 0
    with state.read() as ledger:
        alert = ledger.alerts()[0]
        history = ledger.updates(alert.alert_id)
        stored = ledger.flagged(alert_id=alert.alert_id)
    assert alert.confirmation is Confirmation.confirmed
    assert [step.event for step in history] == ["new", "confirmed"]
    assert [(item.volume, item.opened, item.outcome) for item in stored] == [(48210, 36880, "confirmed")]


def test_what_waits_is_counted_and_stays_pending(state):
    report = confirm(state, morning((GOOG_235, WEDNESDAY, 3120)), at(FRIDAY, 14))
    assert (report.events, report.waiting) == ((), 1)
    with state.read() as ledger:
        assert ledger.alerts()[0].confirmation is Confirmation.pending


def test_a_simulated_market_decides_nothing_about_a_real_alert(state):
    report = confirm(state, morning((GOOG_235, THURSDAY, 40_000), simulated=True), at(FRIDAY, 14))
    assert (report.events, report.waiting) == ((), 1)


def test_a_decision_is_made_once(state):
    confirm(state, morning((GOOG_235, THURSDAY, 40_000)), at(FRIDAY, 14))
    again = confirm(state, morning((GOOG_235, THURSDAY, 0)), at(FRIDAY, 15))
    assert (again.events, again.waiting) == ((), 0)


def test_judging_the_session_again_keeps_the_decision(state):
    confirm(state, morning((GOOG_235, THURSDAY, 40_000)), at(FRIDAY, 14))
    update(findings(finding()), [SampleRule()], state, scan(), frames(), budget=20, false_discovery_rate=0.1)
    with state.read() as ledger:
        assert [item.outcome for item in ledger.flagged()] == ["confirmed"]
        assert ledger.alerts()[0].confirmation is Confirmation.confirmed


def test_a_story_that_goes_on_keeps_the_verdict_of_its_first_session(state):
    confirm(state, morning((GOOG_235, THURSDAY, 40_000)), at(FRIDAY, 14))
    later = update(
        findings(finding()),
        [SampleRule()],
        state,
        scan(at(FRIDAY, 20), FRIDAY),
        frames(),
        budget=20,
        false_discovery_rate=0.1,
    )
    assert later.alerts[0].confirmation is Confirmation.confirmed


def test_the_matched_random_share_is_kept_for_the_scoreboard(state):
    confirm(state, morning((GOOG_235, THURSDAY, 40_000)), at(FRIDAY, 14), matched=lambda group: 0.25)
    with state.read() as ledger:
        score = scoreboard(ledger.decided())[0]
    assert (score.rule_id, score.alerts, score.confirmed) == ("call-buildup", 1, 1)
    assert (score.confirmed_share, score.matched_share) == (1.0, 0.25)


def test_the_scoreboard_counts_alerts_and_leaves_shares_empty_until_something_is_decided():
    rows = [
        flagged(alert_id="a", outcome="confirmed", matched_share=0.2),
        flagged(alert_id="b", outcome="faded", matched_share=0.4),
        flagged(alert_id="b", contract="GOOG250912C00240000", outcome="faded", matched_share=0.4),
        flagged(alert_id="c", outcome="confirmed"),
        flagged(alert_id="d", outcome="unconfirmable"),
        flagged(alert_id="e", rule_id="other"),
    ]
    first, second = scoreboard(rows)
    assert (first.alerts, first.confirmed, first.faded, first.unconfirmable) == (4, 2, 1, 1)
    assert first.confirmed_share == pytest.approx(2 / 3)
    assert first.matched_share == pytest.approx(0.3)
    assert (second.pending, second.confirmed_share, second.matched_share) == (1, None, None)


@pytest.mark.realdata
def test_on_real_chains_the_share_that_passes_is_the_one_measured_by_others(real_data):
    """Of real contracts with 500 lots and more, 18-28 % open at least half of them (measured on the same names).

    The verdict on each is worked out a second time here, from the raw file, by subtraction.
    """
    raw = pd.read_parquet(real_data / "eod-volume-oi" / "AAPL.parquet")
    key = ["expiry", "strike", "right"]
    raw["contract"] = raw["expiry"].astype(str) + raw["right"] + raw["strike"].astype(str)
    days = [day for day in sorted(raw["session_date"].unique()) if calendar.is_session(day)]
    verdicts: list[bool] = []
    for day in days[10:50]:
        following = calendar.next_session(day)
        mine = raw[(raw["session_date"] == day) & (raw["volume"] >= 500) & (raw["expiry"] > day)]
        after = raw[raw["session_date"] == following]
        both = mine.merge(after[[*key, "open_interest"]], on=key, suffixes=("", "_after"))
        expected = (both["open_interest_after"] - both["open_interest"]) >= 0.5 * both["volume"]
        published = Published(morning(*((row.contract, day, int(row.open_interest)) for row in after.itertuples())))
        for row, passes in zip(both.itertuples(), expected, strict=True):
            item = flagged(
                session_date=day,
                contract=row.contract,
                expiry=row.expiry,
                volume=int(row.volume),
                open_interest=int(row.open_interest),
                oi_asof=calendar.previous_session(day),
            )
            verdict, _ = judge([item], published, following, calendar)
            assert verdict is (Confirmation.confirmed if passes else Confirmation.faded)
            verdicts.append(bool(passes))
    assert len(verdicts) > 1000
    assert 0.18 <= sum(verdicts) / len(verdicts) <= 0.28
