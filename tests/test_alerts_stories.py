"""One list of alerts: ladders take in their contracts, rolls raise none, and a busy market is told once."""

from __future__ import annotations

from datetime import date
from typing import Any

import polars as pl
import pytest
from alert_samples import THURSDAY, SampleRule, alert, finding, findings, scan
from standard import update

from scanner.alerts.episodes import Draft
from scanner.alerts.identity import Key
from scanner.alerts.model import Confirmation
from scanner.alerts.selection import Floor, Reason
from scanner.alerts.stories import gather
from scanner.alerts.update import AlertUpdate
from scanner.alerts.verdict import Verdict
from scanner.outputs import messages, sentence
from scanner.severity import Severity
from scanner.store.state import State

EXPIRY = date(2025, 9, 19)
RULES = [SampleRule(id="spike"), SampleRule(id="ladder"), SampleRule(id="rolls", evidence=("volume", "roll_suspect"))]


def contract(strike: float, surprise: float = 6.0, **changes: Any) -> dict[str, Any]:
    """A call of ABC at a strike, so rare that it passes any false-discovery rate."""
    name = f"ABC250919C{int(strike * 1000):08d}"
    values = {"underlying": "ABC", "root": "ABC", "contract": name, "expiry": EXPIRY, "strike": strike, "right": "C"}
    values |= {"source": "files", "session_date": THURSDAY, "open_interest": 100, "oi_asof": None}
    values |= {"volume": int(6 * strike), "volume_expected": 5.0, "opening_chance": 0.35}
    values |= {"combined_surprise": surprise, "volume_surprise": surprise, "volume_q": 1e-4, "new_strike": False}
    values |= {"story": int(strike) // 12, "once_in_sessions": 10 ** (surprise - 5), "family": "one session"}
    values |= {"premium": None, "premium_surprise": None}
    return values | {"roll_suspect": False, "baseline_kind": "own", "history_sessions": 5} | changes


def frames(*contracts: dict[str, Any], ladder: tuple[float, float] | None = None) -> dict[str, pl.DataFrame]:
    rows = pl.DataFrame(list(contracts)).with_columns(pl.col("oi_asof").cast(pl.Date))
    first, last = ladder or (0.0, 0.0)
    members = [row["contract"] for row in contracts if first <= row["strike"] <= last]
    ladders = pl.DataFrame(
        {"underlying": ["ABC"], "root": ["ABC"], "expiry": [EXPIRY], "right": ["C"], "first_strike": [first]}
        | {"last_strike": [last], "ladder_surprise": [7.0], "ladder_q": [1e-4], "volume": [900], "members": [members]},
        schema_overrides={"members": pl.List(pl.String)},
    )
    names = pl.DataFrame({"underlying": ["ABC"], "spot": [100.0], "put_call_volume": [0.5]})
    return {"contract": rows, "ladder": ladders if ladder else ladders.head(0), "underlying": names}


def found(row: dict[str, Any], rule: str = "spike", **changes: Any) -> dict[str, Any]:
    place = {name: row[name] for name in ("underlying", "root", "contract", "expiry", "strike", "right")}
    evidence = {"volume": row["volume"], "volume_surprise": row["volume_surprise"]}
    return finding(rule_id=rule, identity=row["contract"], evidence=evidence, **place) | changes


def found_ladder(first: float, last: float, **changes: Any) -> dict[str, Any]:
    evidence = {"ladder_surprise": 7.0, "first_strike": first, "last_strike": last}
    place = {"underlying": "ABC", "root": "ABC", "contract": None, "expiry": EXPIRY, "strike": None, "right": "C"}
    return finding(rule_id="ladder", scope="ladder", identity="ABC C", evidence=evidence, **place) | changes


def told(rows: list[dict[str, Any]], seen: dict[str, pl.DataFrame], state: State | None = None, **scanned: Any):
    return update(findings(*rows), RULES, state, scan(**scanned), seen, budget=20)


def summary(result: AlertUpdate) -> tuple[list[tuple[str, str]], dict[str, int]]:
    return [(item.alert.scope, item.kind.value) for item in result.events], result.held_back_counts


def test_a_ladder_takes_in_its_contracts_and_names_them():
    rows = [contract(96.0), contract(101.0), contract(106.0)]
    result = told([*map(found, rows), found_ladder(96.0, 106.0)], frames(*rows, ladder=(96.0, 106.0)))
    assert summary(result) == ([("ladder", "new")], {Reason.story: 3})
    assert set(result.alerts[0].drivers) == {row["contract"] for row in rows}
    assert result.alerts[0].once_in_sessions == pytest.approx(10.0)


def test_a_ladder_is_told_with_all_of_its_run_also_with_strikes_too_common_to_be_linked():
    rows = [contract(96.0, 1.2, story=None), contract(101.0), contract(106.0, 1.1, story=None), contract(150.0)]
    (only,) = told([found_ladder(96.0, 106.0)], frames(*rows, ladder=(96.0, 106.0))).alerts
    assert sentence.about(only) == "ABC 96-106 calls, 19 Sep"
    # Six lots a point of the strike, usually five of each: 6 * (96 + 101 + 106) against 15.
    assert ", ".join(sentence.of(only).measure) == "1,818 traded, usual 15 (121x)"


def test_a_contract_that_a_ladder_begins_with_is_told_without_it():
    rows = [contract(96.0), contract(101.0, 1.2, story=None), contract(106.0, 1.1, story=None)]
    (only,) = told([found(rows[0])], frames(*rows, ladder=(96.0, 106.0))).alerts
    assert sentence.about(only) == "ABC 96 call, 19 Sep"


def test_open_interest_is_said_of_what_an_alert_rests_on_and_not_of_all_that_is_told_with_it():
    rows = [contract(100.0, 6.5), contract(105.0)]
    (only,) = told([found(rows[0])], frames(*rows)).alerts
    assert sentence.about(only) == "ABC 100-105 calls, 19 Sep"
    verdict = Verdict(only, THURSDAY, Confirmation.confirmed, 400, 600)
    assert sentence.verdict(verdict) == "4 Sep: ABC 100 call, 19 Sep OPENED: 400 of 600 (67 %)"
    decided = only.changed(context={**only.context, "opened": 400, "opened_of": 600})
    title = messages.one("confirmed", decided).title
    said = "NOTICE OPENED 400 of 600 (67 %) in ABC 100 call, 19 Sep by the morning's open interest: ABC 100-105 calls, "
    assert title.startswith(said)


def test_neighbouring_strikes_are_one_alert_and_strikes_apart_are_two():
    rows = [contract(100.0, 6.5), contract(105.0), contract(110.0, 0.1, volume=3, story=None), contract(115.0)]
    result = told([found(rows[0]), found(rows[1]), found(rows[3])], frames(*rows))
    assert [(item.strike, item.drivers) for item in result.alerts] == [(100.0, (rows[1]["contract"],)), (115.0, ())]
    assert result.held_back_counts == {Reason.story: 1}


def test_what_two_rules_say_of_one_contract_is_told_once_by_the_rule_that_finds_less():
    row, other = contract(100.0), contract(200.0)
    result = told([found(row), found(other), found(row, "rolls")], frames(row, other))
    assert {(item.rule_id, item.strike) for item in result.alerts} == {("rolls", 100.0), ("spike", 200.0)}
    assert result.held_back_counts == {Reason.story: 1}


def test_a_story_is_told_by_its_rarest_contract_and_not_by_a_rule_that_finds_less_of_a_commoner_one():
    rarest, commoner, other = contract(100.0, 6.5), contract(105.0), contract(200.0)
    result = told([found(rarest), found(commoner, "rolls"), found(other)], frames(rarest, commoner, other))
    assert {(item.rule_id, item.strike) for item in result.alerts} == {("spike", 100.0), ("spike", 200.0)}


def test_a_story_goes_on_under_the_alert_that_tells_it_whichever_rule_finds_it(state):
    row = contract(100.0)
    ten, eleven = (scan().as_of.replace(hour=hour) for hour in (14, 15))
    first = told([found(row)], frames(row), state, as_of=ten)
    second = told([found(row, "rolls")], frames(row), state, as_of=eleven)
    assert [(item.kind.value, item.alert.alert_id) for item in second.events] == [("ongoing", first.alerts[0].alert_id)]


def test_a_story_names_its_five_rarest_contracts():
    rows = [contract(96.0 + step, 5.0 + 0.1 * step) for step in range(8)]
    result = told([found(rows[7]), found(rows[0])], frames(*rows))
    (only,) = result.alerts
    assert (only.contract, only.once_in_sessions) == (rows[7]["contract"], pytest.approx(10**0.7))
    assert only.drivers == tuple(row["contract"] for row in reversed(rows[3:7]))


def test_a_contract_of_a_higher_severity_is_told_in_place_of_its_ladder():
    rows = [contract(96.0), contract(101.0), contract(106.0)]
    seen = frames(*rows, ladder=(96.0, 106.0))
    result = told([found(rows[0], severity="critical"), found_ladder(96.0, 106.0)], seen)
    assert summary(result) == ([("contract", "new")], {Reason.story: 1})


def test_a_fixed_threshold_is_never_taken_in():
    rows = [contract(100.0), contract(105.0)]
    result = told([found(row, calibrated=False) for row in rows], frames(*rows))
    assert len(result.alerts) == 2


def test_a_roll_is_held_back_unless_the_rule_looks_at_it_itself():
    row = contract(100.0, roll_suspect=True)
    result = told([found(row), found(row, "rolls")], frames(row, contract(105.0, 0.1)))
    assert ([item.rule_id for item in result.alerts], result.held_back_counts) == (["rolls"], {Reason.roll: 1})
    assert result.alerts[0].evidence["roll_suspect"] is True


@pytest.mark.parametrize(("legs", "told_of"), [(3, []), (2, []), (1, ["ladder"])])
def test_a_ladder_of_which_most_strikes_are_legs_of_rolls_is_held_back_as_one(legs, told_of):
    rows = [contract(strike, roll_suspect=number < legs) for number, strike in enumerate((96.0, 101.0, 106.0))]
    ladder = found_ladder(96.0, 106.0, drivers=[row["contract"] for row in rows])
    result = told([ladder], frames(*rows, ladder=(96.0, 106.0)))
    assert [item.scope for item in result.alerts] == told_of
    assert result.held_back_counts == ({} if told_of else {Reason.roll: 1})


@pytest.fixture
def state(tmp_path):
    with State.open(tmp_path / "state.sqlite") as opened:
        yield opened


def test_a_ladder_that_forms_later_ends_the_alert_of_its_contract_and_its_contracts_stay_taken_in(state):
    """The next scan that finds a contract of the ladder alone raises nothing more."""
    rows = [contract(96.0), contract(101.0), contract(106.0)]
    seen = frames(*rows, ladder=(96.0, 106.0))
    ten, eleven, noon = (scan().as_of.replace(hour=hour) for hour in (14, 15, 16))
    assert summary(told([found(rows[0])], seen, state, as_of=ten))[0] == [("contract", "new")]
    later = told([found(rows[0]), found_ladder(96.0, 106.0)], seen, state, as_of=eleven)
    assert sorted(summary(later)[0]) == [("contract", "displaced"), ("ladder", "new")]
    assert summary(told([found(rows[1])], frames(*rows), state, as_of=noon)) == ([], {Reason.story: 1})


def test_a_story_that_is_worth_too_little_now_is_held_back_once_and_what_the_scan_tells_is_kept(state):
    """Told by one rule, found by two, and the price of its contract has fallen: one row of what was held back."""
    row, other = contract(100.0, premium=5_000.0), contract(200.0, premium=5_000.0)
    ten, eleven = (scan().as_of.replace(hour=hour) for hour in (14, 15))
    told([found(row)], frames(row), state, as_of=ten)
    row = contract(100.0, premium=900.0)
    rows = findings(found(row), found(row, "rolls"), found(other), found(contract(300.0)))
    seen = frames(row, other, contract(300.0))
    later = update(rows, RULES, state, scan(as_of=eleven), seen, budget=20, floor=Floor(1_000.0, 50))
    assert later.problems == ()
    assert later.held_back_counts == {Reason.size: 1}
    with state.read() as ledger:
        assert [item["reason"] for item in ledger.held_back(scan(as_of=eleven).id)] == [Reason.size.value]


def test_an_open_alert_is_not_swapped_for_its_neighbour_that_has_grown_a_little_stronger(state):
    rows = [contract(100.0, 6.5), contract(105.0, 6.0)]
    ten, eleven = (scan().as_of.replace(hour=hour) for hour in (14, 15))
    told([*map(found, rows)], frames(*rows), state, as_of=ten)
    rows = [contract(100.0, 6.5), contract(105.0, 6.9)]
    later = told([*map(found, rows)], frames(*rows), state, as_of=eleven)
    assert [(item.kind.value, item.alert.strike) for item in later.events] == [("ongoing", 100.0)]


def wide(name: str, score: float = 50.0, *, calibrated: bool = True) -> Draft:
    told_of = alert(
        underlying=name, scope="underlying", contract=None, strike=None, expiry=None, right=None, score=score
    )
    return Draft(Key("busy", name), told_of.changed(severity=Severity.notice), calibrated=calibrated, q_value=0.01)


def names_of(drafts: tuple[Draft, ...]) -> list[str | None]:
    return [draft.alert.underlying for draft in drafts]


def test_what_most_names_show_at_once_is_told_by_the_strongest_of_them_alone():
    drafts = [wide(name, score) for score, name in enumerate("ABCDE", start=50)]
    assert names_of(gather(drafts, frozenset(), [], names=8).kept) == ["E"]
    assert {reason for _, reason in gather(drafts, frozenset(), [], names=8).held_back} == {Reason.market}


@pytest.mark.parametrize(("count", "names"), [(4, 4), (5, 10)])
def test_few_names_or_no_more_than_half_of_them_are_no_market(count, names):
    drafts = [wide(name) for name in "ABCDE"[:count]]
    assert len(gather(drafts, frozenset(), [], names).kept) == count
