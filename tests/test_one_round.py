"""The data goes round once: what is kept of a session comes from what was measured, and a rebuild finds it again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from built_chains import built_chain
from standard import calendar, open_store

from scanner import pipeline, quality, ruleset, shipped
from scanner.app import opening, preparing, reporting, scanning
from scanner.config import PricingSettings, Settings, StoreSettings
from scanner.metrics import summary
from scanner.outputs.result import ScanResult
from scanner.pricing import chain as pricing
from scanner.quality.gate import VERDICTS
from scanner.sources.base import Fetched, Vendor
from scanner.store import maintenance
from scanner.store.derive import Deriver
from scanner.store.history import History
from scanner.store.recall import Memory
from scanner.store.store import Store

DAYS = calendar.sessions_between(date(2026, 7, 20), date(2026, 7, 31))
NAMES = ("ABC", "XYZ")
EXPIRIES = (date(2026, 8, 7), date(2026, 8, 21), date(2026, 10, 16))
RULES = list(ruleset.load([shipped.shipped_rules()]).stable())


class OneChain:
    """A source of one chain frame."""

    vendor = Vendor("test", "chains of a test", "")

    def __init__(self, chain: pl.DataFrame) -> None:
        self.chain = chain

    def chains(self, symbols: tuple[str, ...], now: datetime) -> Iterator[Fetched]:
        yield Fetched(symbols[0], self.chain)


def market(session: date, moment: datetime | None = None, **options: Any) -> pl.DataFrame:
    """Both names in a session, each with a contract that only its vendor gives a volatility of."""
    frame = pl.concat(
        built_chain(session, underlying=name, quote_time=moment, expiries=EXPIRIES, **options) for name in NAMES
    )
    unquoted = pl.col("contract").str.ends_with("C00105000")
    quotes = [pl.when(~unquoted).then(name).alias(name) for name in ("bid", "ask")]
    return frame.with_columns(*quotes, vendor_iv=pl.lit(0.4))


def settings_of(folder: Path, **options: Any) -> Settings:
    return Settings(store=StoreSettings(path=folder / "store"), **options)


def scan(settings: Settings, chain: pl.DataFrame, as_of: datetime | None = None) -> ScanResult:
    moment = as_of or max(chain["quote_time"])
    return scanning.scan_once(settings, [OneChain(chain)], RULES, NAMES, moment)


def at(session: date, hour: int) -> datetime:
    return datetime(session.year, session.month, session.day, hour, tzinfo=UTC)


@pytest.fixture
def counts(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often each step was taken from here on."""
    seen = Counter[str]()
    steps = {
        "panel": (History, "_panel"),
        "gate": (quality, "judge"),
        "price": (pricing, "price_chain"),
        "derive": (Deriver, "make"),
    }
    for step, (owner, name) in steps.items():
        monkeypatch.setattr(owner, name, _counted(getattr(owner, name), step, seen))
    return seen


def _counted(function: Any, step: str, seen: Counter[str]) -> Any:
    def counted(*arguments: Any, **named: Any) -> Any:
        seen[step] += 1
        return function(*arguments, **named)

    return counted


ONCE = {"panel": 1, "gate": 1, "price": 1}


def test_a_scan_loads_the_past_gates_and_prices_once_at_the_close_and_before_it(tmp_path: Path, counts) -> None:
    settings = settings_of(tmp_path)
    for day in DAYS[:2]:
        for moment in (at(day, 15), at(day, 17), calendar.session_close(day)):
            counts.clear()
            assert scan(settings, market(day, moment)).errors == ()
            assert counts == ONCE


def test_a_replay_and_a_report_measure_each_session_once(tmp_path: Path, counts) -> None:
    settings = settings_of(tmp_path)
    for day in DAYS[:3]:
        scan(settings, market(day))
    counts.clear()
    store = opening.open_history(settings)
    with opening.forgetful_state() as state:
        replayed = pipeline.replay(preparing.setup(settings, store, state, RULES), None, None, DAYS[0], DAYS[2])
        assert len(list(replayed)) == 3
    assert counts == dict.fromkeys(ONCE, 3)
    counts.clear()
    with opening.open_memory(settings) as memory:
        assert memory.state is not None
        report = reporting.of_sessions(memory.state, memory.store, DAYS[0], DAYS[2], (), settings)
    assert report is not None
    assert len(report.pages) == 3
    assert counts == dict.fromkeys(ONCE, 3)


def held(store: Store) -> list[pl.DataFrame]:
    kept = store.summaries
    days = kept.sessions("test")
    return [read("test", day) for day in days for read in (kept.contracts, kept.underlyings)]


@pytest.mark.parametrize("use_vendor_iv", [False, True])
def test_a_rebuild_gives_the_summaries_that_scanning_gave(tmp_path: Path, counts, use_vendor_iv: bool) -> None:
    settings = settings_of(tmp_path, pricing=PricingSettings(use_vendor_iv=use_vendor_iv))
    for day in DAYS[:4]:
        scan(settings, market(day, at(day, 17)))
        scan(settings, market(day))
    # A session that repeats the one before it, one without a price of the underlying, one fetched long after its close.
    scan(settings, market(DAYS[4], volume=market(DAYS[3])["volume"].to_list()[:30]))
    scan(settings, market(DAYS[5], spot=None))
    scan(settings, market(DAYS[6]), as_of=calendar.session_close(DAYS[6]) + timedelta(hours=9))
    assert counts["derive"] == 0
    store = opening.open_store(settings)
    assert store.outdated() == {}
    scanned = held(store)
    assert len(scanned) == 14
    checks = [row["check"] for row in scanned[9]["verdicts"].explode().struct.unnest().iter_rows(named=True)]
    assert "repeated" in checks
    vendors = scanned[0].filter(pl.col("contract").str.ends_with("C00105000"))["iv"]
    assert vendors.to_list() == [0.4 if use_vendor_iv else None] * 6
    maintenance.rebuild(store)
    rebuilt = held(store)
    assert [one.equals(other) for one, other in zip(scanned, rebuilt, strict=True)] == [True] * 14


def test_a_session_is_summarised_when_it_is_over_or_a_later_one_asks(tmp_path: Path, counts) -> None:
    settings = settings_of(tmp_path)
    for hour in (15, 17):
        scan(settings, market(DAYS[0], at(DAYS[0], hour)))
    store = opening.open_store(settings)
    assert store.summaries.sessions("test") == []
    assert maintenance.verify(store).whole
    assert counts["derive"] == 0
    scan(settings, market(DAYS[1], at(DAYS[1], 15)))
    assert counts["derive"] == 1
    store = opening.open_store(settings)
    assert store.summaries.sessions("test") == [DAYS[0]]
    # Nobody saw its close: what it had traded by then is not its volume, what it was quoted at counts.
    rows = store.summaries.contracts("test", DAYS[0])
    assert rows.select(pl.col("volume", "iv").count()).rows() == [(0, 54)]
    assert store.summaries.underlyings("test", DAYS[0])["final"].to_list() == [False, False]


def test_a_later_scan_of_the_same_session_takes_the_place_of_the_summary_of_an_earlier_one(tmp_path: Path) -> None:
    settings = settings_of(tmp_path)
    close = calendar.session_close(DAYS[0])
    scan(settings, market(DAYS[0], close, volume=10))
    scan(settings, market(DAYS[0], close + timedelta(minutes=15), volume=12))
    store = opening.open_store(settings)
    assert store.outdated() == {}
    assert store.summaries.contracts("test", DAYS[0])["volume"].unique().to_list() == [12]


def test_a_chain_that_is_part_of_a_larger_one_is_left_to_be_derived_with_the_rest(tmp_path: Path) -> None:
    settings = settings_of(tmp_path)
    close = calendar.session_close(DAYS[0])
    for minutes, right in enumerate("CP"):
        part = market(DAYS[0], close + timedelta(minutes=minutes), volume=10).filter(pl.col("right") == right)
        scan(settings, part)
    store = opening.open_store(settings)
    assert store.outdated() == {"test": {DAYS[0]: list(NAMES)}}
    store.catch_up()
    assert store.summaries.contracts("test", DAYS[0]).height == 60


def test_a_session_judged_as_of_before_its_quotes_is_not_kept_as_it_was_judged(tmp_path: Path) -> None:
    settings = settings_of(tmp_path)
    early = calendar.session_open(DAYS[0]) - timedelta(hours=1)
    result = scan(settings, market(DAYS[0]), as_of=early)
    assert any("before session" in note for note in result.notes)
    store = opening.open_store(settings)
    assert store.outdated() == {"test": {DAYS[0]: list(NAMES)}}
    store.catch_up()
    assert store.summaries.underlyings("test", DAYS[0])["verdicts"].to_list() == [[], []]


def test_what_was_measured_beside_a_past_that_has_changed_since_is_derived_anew(tmp_path: Path) -> None:
    chain = market(DAYS[1])
    moment = calendar.session_close(DAYS[1])
    store = open_store(tmp_path)
    memory = Memory.of(store, chain, calendar)
    # Another process imports the session before while this one judges.
    store.snapshots.write(market(DAYS[0]), "import")
    store.catch_up()
    setup = preparing.setup(Settings(), store, None)
    verdicts = quality.judge(chain, memory.panel, memory.earlier, moment)
    priced = setup.methods.pricing.price(quality.apply(chain, verdicts)[0], calendar=calendar)
    assert memory.keep("scan", priced, verdicts, moment) == []
    assert store.outdated() == {"test": {DAYS[1]: list(NAMES)}}


def test_alerts_are_out_where_the_chain_cannot_be_stored(tmp_path: Path) -> None:
    settings = settings_of(tmp_path)
    opening.open_store(settings)
    # A file where the folder of the source would be.
    (settings.store.path / "snapshots").mkdir()
    (settings.store.path / "snapshots" / "test").write_text("in the way")
    rule = ruleset.load([_rule_of_all(tmp_path)]).stable()
    result = scanning.scan_once(
        settings, [OneChain(market(DAYS[0]))], list(rule), NAMES, calendar.session_close(DAYS[0])
    )
    assert [problem.code for problem in result.errors if problem.stage == "store"] == ["not_stored"]
    assert {alert.underlying for alert in result.alerts} == set(NAMES)
    with opening.open_memory(settings) as memory:
        assert memory.state is not None
        with memory.state.read() as ledger:
            kept = ledger.session_alerts(DAYS[0], simulated=False)
    assert {alert.underlying for alert in kept} == set(NAMES)


def _rule_of_all(folder: Path) -> Path:
    path = folder / "all.yaml"
    path.write_text(
        "id: all\ntitle: All\nstatus: stable\nscope: underlying\nseverity: high\nwhy: because\n"
        'when: {all: [call_volume >= 1]}\nidentity: [underlying]\nmessage: "{underlying}"\n',
        "utf-8",
    )
    return path


def test_of_a_chain_that_nothing_is_known_of_mids_and_sums_are_kept() -> None:
    chain = built_chain(DAYS[0], volume=3)
    kept = summary.of_session(summary.unpriced(chain), pl.DataFrame(schema=VERDICTS), calendar)
    assert kept.contracts.select(pl.col("volume", "mid", "iv").count()).rows() == [(20, 20, 0)]
    row = kept.underlyings.row(0, named=True)
    # Ten calls and ten puts of three each; of the mids, built_chain's intrinsic value and 2: (10 + 5 + 5 * 2) x 2
    # expiries of either right, each 3 contracts of 100 shares.
    assert (row["call_volume"], row["put_volume"], row["put_call_volume"]) == (30, 30, 1.0)
    assert row["call_premium"] == row["put_premium"] == pytest.approx((10 + 5 + 5 * 2) * 2 * 3 * 100)
