"""The pipeline: a replay sees what was known then, and what is not judged says why."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, date, datetime

import polars as pl
import pytest
from built_chains import built_chain
from standard import calendar, measure, open_store

from scanner import activity, fields, pipeline, ruleset, shipped
from scanner.app import preparing
from scanner.config import Settings
from scanner.fields.columns import remembered, schema
from scanner.history.known_before import KnownBefore
from scanner.history.panel import Panel
from scanner.metrics import summary
from scanner.metrics.measure import Measured
from scanner.outputs import document
from scanner.sources.base import Fetched, Vendor, failed
from scanner.sources.receiving import Request, receive
from scanner.store.recall import Memory
from scanner.store.state import State
from scanner.store.store import Store
from scanner.store.summaries import UNDERLYING_ROWS

DAYS = calendar.sessions_between(date(2026, 7, 1), date(2026, 7, 31))
RULES = list(ruleset.load([shipped.shipped_rules()]).stable())


@pytest.fixture
def store(tmp_path):
    return open_store(tmp_path / "store")


def keep(store: Store, days: list[date]) -> None:
    for day in days:
        store.snapshots.write(built_chain(day), f"test-{day}")
    store.catch_up()


def replayed(store: Store, tmp_path, first: date, last: date) -> list[str]:
    with State.open(tmp_path / f"state-{first}-{last}-{len(list(store.snapshots.files()))}.sqlite") as state:
        results = pipeline.replay(preparing.setup(Settings(), store, state, RULES), None, None, first, last)
        return [document.dumps(result) for result in results]


def test_a_replay_is_byte_identical_whether_or_not_later_sessions_exist(store, tmp_path):
    keep(store, DAYS[:12])
    before = replayed(store, tmp_path, DAYS[0], DAYS[11])
    keep(store, DAYS[12:])
    assert replayed(store, tmp_path, DAYS[0], DAYS[11]) == before
    assert len(before) == 12


MEASURED = {
    "an ordinary one": {},
    "one without prices of the underlying": {"spot": None},
    "one without quotes": {"columns": {"bid": None, "ask": None}},
    "one of which no count is known": {"columns": {"volume": None, "open_interest": None, "oi_asof": None}},
    "one that did not trade": {"volume": 0, "open_interest": 0},
    "one of adjusted contracts alone": {"root": "ABC1", "columns": {"nonstandard": True}},
    "one with runs of strikes": {"volume": [1] * 10 + [40_000] * 10},
}


@pytest.mark.parametrize("kind", MEASURED)
def test_every_frame_of_a_chain_has_the_very_columns_of_the_field_dictionary(store, kind):
    keep(store, DAYS[:15])
    panel = store.history.panel("test", ["ABC"], DAYS[15], 60)
    found = measure(built_chain(DAYS[15], **MEASURED[kind]), KnownBefore(panel), calendar.session_close(DAYS[15]))
    assert {scope: dict(frame.schema) for scope, frame in found.frames.items()} == {
        scope: dict(schema(scope)) for scope in fields.SCOPES
    }
    assert {scope: frame.columns for scope, frame in found.frames.items()} == {
        scope: list(fields.of(scope)) for scope in fields.SCOPES
    }


def test_every_key_of_the_underlyings_is_a_field_of_the_dictionary(store, tmp_path):
    keep(store, DAYS[:12])
    (last,) = replayed(store, tmp_path, DAYS[11], DAYS[11])
    (row,) = json.loads(last)["underlyings"]
    assert list(row) == list(fields.of("underlying"))


def test_what_is_kept_of_a_session_is_what_the_field_dictionary_remembers(store):
    keep(store, DAYS[:1])
    kept = store.summaries.underlyings("test", DAYS[0])
    assert set(kept.columns) == {*UNDERLYING_ROWS, *remembered("underlying")}
    expected = {name: dtype for name, dtype in remembered("underlying").items() if name not in UNDERLYING_ROWS}
    assert {name: kept.schema[name] for name in expected} == expected


def test_sums_of_an_underlying_can_be_asked_for_by_rules(tmp_path):
    """Ten of each contract traded; calls and puts alike are worth 12, 7, 2, 2 and 2 dollars in both expiries."""
    rule = (
        "{{id: {id}, title: Sums, status: stable, scope: {scope}, severity: info, why: to test,"
        ' when: {when}, message: "{message}"}}'
    )
    (tmp_path / "a.yaml").write_text(
        rule.format(
            id="a",
            scope="underlying",
            when="[volume == 200, call_oi == 1000, put_oi == 1000, back_volume == 200]",
            message="{call_premium:,.0f} and {put_premium:,.0f}",
        )
    )
    wide = "[strike == 90, right == 'C', expiry.open_interest == 1000, underlying.volume == market.volume]"
    (tmp_path / "b.yaml").write_text(
        rule.format(id="b", scope="contract", when=wide, message="{expiry.discount_source}, {price_basis}")
    )
    rules = ruleset.load([tmp_path])
    assert rules.problems == ()
    chain = built_chain(DAYS[0], volume=10, open_interest=100)
    judged = pipeline.judge(
        chain, KnownBefore(Panel.empty("test", calendar=calendar)), calendar.session_close(DAYS[0]), rules.rules
    )
    assert judged.judgement.findings["message"].unique().sort().to_list() == ["50,000 and 50,000", "curve, mid"]


def test_no_frame_holds_a_nan_or_an_infinity(store):
    keep(store, DAYS[:15])
    panel = store.history.panel("test", ["ABC"], DAYS[15], 60)
    odd = built_chain(DAYS[15], volume=0, open_interest=0, spot=None)
    for chain in (built_chain(DAYS[15]), odd):
        for frame in measure(chain, KnownBefore(panel), datetime(2026, 7, 23, 20, tzinfo=UTC)).frames.values():
            floats = frame.select(pl.col(pl.Float32, pl.Float64))
            assert (
                floats.select(pl.any_horizontal((~pl.all().is_finite()).any()).fill_null(value=False)).item() is False
            )


def test_a_chain_that_is_not_trusted_is_not_judged_and_the_reason_is_told(store):
    keep(store, DAYS[:12])
    repeat = built_chain(DAYS[11]).with_columns(
        session_date=pl.lit(DAYS[12]),
        quote_time=pl.lit(calendar.session_close(DAYS[12])).cast(pl.Datetime("us", "UTC")),
    )
    panel = store.history.panel("test", ["ABC"], DAYS[12], 60)
    judged = pipeline.judge(repeat, KnownBefore(panel), calendar.session_close(DAYS[12]), RULES)
    assert judged.judgement.findings.is_empty()
    assert judged.verdicts[0]["check"].to_list() != []
    reasons = judged.judgement.not_judged["reasons"].explode().to_list()
    assert any(str(DAYS[11]) in reason for reason in reasons)


class Canned:
    """A source that has the chains it was given."""

    def __init__(self, name: str, **chains: pl.DataFrame) -> None:
        self.vendor, self._chains = Vendor(name, "chains of a test", ""), chains

    def chains(self, symbols, now):
        for symbol in symbols:
            chain = self._chains.get(symbol)
            yield failed(symbol, "unknown_symbol", f"{symbol}: not here") if chain is None else Fetched(symbol, chain)


def test_a_later_source_is_asked_only_for_what_the_earlier_ones_lack():
    now = calendar.session_close(DAYS[0])
    first = Canned("first", ABC=built_chain(DAYS[0], source="first"))
    second = Canned("second", ABC=built_chain(DAYS[0], source="second"), XYZ=built_chain(DAYS[0], underlying="XYZ"))
    received = receive([first, second], Request(("ABC", "XYZ", "NOPE"), None, now, "x"))
    assert received.chain is not None
    assert dict(received.chain.group_by("underlying").agg(pl.col("source").first()).iter_rows()) == {
        "ABC": "first",
        "XYZ": "test",
    }
    assert [problem.symbol for problem in received.problems] == ["NOPE"]


def test_a_name_is_one_however_it_is_spelled_over_all_sources():
    now = calendar.session_close(DAYS[0])
    brk = built_chain(DAYS[0], underlying="BRK.B", root="BRKB")
    first = Canned("first", **{"BRK-B": brk, "ABC": built_chain(DAYS[0])})
    second = Canned("second", **{"BRK-B": brk, "BRK.B": brk, "BRKB": brk})
    received = receive([first, second], Request(("BRK-B", "BRK.B", "BRKB", "ABC"), None, now, "x"))
    assert received.chain is not None
    assert received.chain.height == 40
    assert received.problems == []


class Repeating(Canned):
    """A source that gives every chain it has for every symbol."""

    def chains(self, symbols, now):
        for symbol in symbols:
            yield Fetched(symbol, pl.concat(self._chains.values()))


def test_a_chain_holds_each_contract_once_whoever_gives_it_twice_and_it_is_said():
    now = calendar.session_close(DAYS[0])
    # One contract under two names: XYZ lists the very contracts of ABC.
    twice = Repeating("test", ABC=built_chain(DAYS[0]), XYZ=built_chain(DAYS[0], underlying="XYZ", root="ABC"))
    received = receive([twice], Request(("ABC", "XYZ"), None, now, "x"))
    assert received.chain is not None
    assert received.chain.height == 20
    assert not received.chain["contract"].is_duplicated().any()
    assert any("20 rows came with a contract that was there already" in note for note in received.notes)
    assert "ABC: test gave it again; the chain it gave first counts" in received.notes


def test_of_a_name_in_two_spellings_within_one_answer_the_first_counts_and_it_is_said():
    now = calendar.session_close(DAYS[0])
    other = built_chain(DAYS[0], underlying="ABC")
    first, again = (
        built_chain(DAYS[0], underlying=name, root="BRKB", strikes=strikes)
        for name, strikes in (("BRK.B", (90.0, 95.0)), ("BRK/B", (100.0, 105.0)))
    )
    received = receive([Repeating("test", one=pl.concat([first, other, again]))], Request(("BRK-B",), None, now, "x"))
    assert received.chain is not None
    assert received.chain.equals(pl.concat([other, first]))
    assert received.notes == ["BRKB: test gave it again; the chain it gave first counts"]


def test_a_name_that_came_in_another_spelling_is_not_asked_for_again():
    now = calendar.session_close(DAYS[0])
    served = built_chain(DAYS[0], underlying="BRK.B", root="BRKB")
    sources = [Canned(name, **{"BRK-B": served.with_columns(source=pl.lit(name))}) for name in ("first", "second")]
    received = receive(sources, Request(("BRK-B",), None, now, "x"))
    assert received.chain is not None
    assert received.chain["source"].unique().to_list() == ["first"]


def test_a_name_that_another_source_served_never_meets_the_history_of_the_first(store):
    keep(store, DAYS[:3])
    served = [("DEF", "test"), ("GHI", "test"), ("ABC", "other")]
    chain = pl.concat(built_chain(DAYS[3], underlying=name, source=source) for name, source in served)
    parts = pipeline.of_each_source(chain.sort("root", "expiry", "strike", "right"))
    memories = [Memory.of(store, part, calendar) for part in parts]
    assert [(memory.panel.source, memory.panel.underlyings) for memory in memories] == [("test", ()), ("other", ())]
    assert any("3 sessions of these names from test" in note for note in memories[1].notes)
    of_one_source = Memory.of(store, chain.with_columns(source=pl.lit("test")), calendar)
    assert of_one_source.panel.underlyings == ("ABC",)


def test_without_any_history_a_chain_is_measured_and_says_so():
    found = measure(
        built_chain(DAYS[0]), KnownBefore(Panel.empty("test", calendar=calendar)), calendar.session_close(DAYS[0])
    ).frames
    contracts = found["contract"]
    assert contracts["history_sessions"].unique().to_list() == [0]
    assert contracts["iv"].null_count() < contracts.height


def test_a_session_without_a_price_of_the_underlying_is_remembered_at_the_one_that_parity_implies(store):
    for day in DAYS[:3]:
        store.snapshots.write(built_chain(day, spot=None if day == DAYS[1] else 100.0), f"test-{day}")
    store.catch_up()
    panel = store.history.panel("test", ["ABC"], DAYS[3], 60)
    # built_chain's mids satisfy call - put = 100 - strike: a forward of 100, which the rate of eleven weeks discounts.
    assert panel.spot[0].tolist() == pytest.approx([100.0, 99.1, 100.0], abs=0.2)
    kept = panel.underlying_sessions.filter(pl.col("session_date") == DAYS[1])
    assert kept["spot"].to_list() == [None]


def test_a_chain_of_adjusted_contracts_alone_is_measured_without_ratios(store):
    chain = built_chain(DAYS[0], root="ABC1", columns={"nonstandard": True})
    panel = store.history.panel("test", ["ABC"], DAYS[0], 60)
    judged = pipeline.judge(chain, KnownBefore(panel), calendar.session_close(DAYS[0]), RULES)
    assert judged.frames["contract"].height == 20
    assert judged.frames["underlying"].is_empty()
    assert judged.judgement.findings.is_empty()


def test_history_of_another_source_is_named_for_the_names_it_cannot_serve(store):
    keep(store, DAYS[:3])
    chain = pl.concat(built_chain(DAYS[3], underlying=name, source="other") for name in ("ABC", "DEF"))
    memory = Memory.of(store, chain, calendar)
    assert memory.notes == (
        "the store holds 3 sessions of these names from test, but volumes of different vendors do not compare, so none "
        "of them is used: the history of other starts now",
    )


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (("ABC",), "chances rest on ABC, 12 sessions"),
        (("ABC", "DEF", "GHI"), "chances rest on ABC, DEF and GHI, 12 sessions"),
        (tuple("ABCDEF"), "chances rest on A, B, C, D, E and F, 12 sessions"),
        (tuple("ABCDEFGH"), "chances rest on A, B, C, D, E and 3 more, 12 sessions"),
    ],
)
def test_the_names_that_chances_rest_on_are_few_or_counted(names: tuple[str, ...], said: str) -> None:
    empty = Panel.empty("test", calendar=calendar)
    panel = replace(empty, underlyings=names, sessions=tuple(DAYS[:12]))
    model = activity.fit(empty)
    nothing = summary.unpriced(built_chain(DAYS[0]).clear())
    assert Measured({}, {}, nothing, model, 1.0, panel).basis is None
    assert Measured({}, {}, nothing, replace(model, kind="own"), 1.0, panel).basis == said
