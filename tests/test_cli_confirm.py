"""The confirmation job, from a stored session to the verdict and what chance makes of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime

import polars as pl
import pytest
from alert_samples import SampleRule, finding, findings, scan
from built_chains import built_chain
from standard import update

from scanner import ruleset, shipped
from scanner.alerts.verdict import scoreboard
from scanner.app import clock, configuring, confirming, following, opening, scanning
from scanner.config import Settings
from scanner.sources.base import Fetched, Vendor

THURSDAY, FRIDAY = date(2026, 8, 6), date(2026, 8, 7)
FLAGGED = 4


class OneChain:
    """A source that gives one chain, whoever asks."""

    vendor = Vendor("test", "chains of a test", "")

    def __init__(self, chain: pl.DataFrame) -> None:
        self.chain = chain
        self.asked: list[str] = []

    def chains(self, symbols: Iterable[str], now: datetime) -> Iterator[Fetched]:
        for symbol in symbols:
            self.asked.append(symbol)
            yield Fetched(symbol, self.chain)


@pytest.fixture
def settings(tmp_path, monkeypatch) -> Settings:
    """A store with Thursday's chain, in which one of twenty contracts was flagged."""
    base = configuring.settings(None, store=tmp_path)
    evening = datetime(2026, 8, 6, 20, 30, tzinfo=UTC)
    chain = built_chain(THURSDAY, volume=100, open_interest=1000)
    with opening.open_memory(base) as memory:
        memory.store.snapshots.write(chain, "thursday")
        memory.store.catch_up()
        row = chain.row(FLAGGED, named=True)
        place = {name: row[name] for name in ("contract", "underlying", "root", "expiry", "strike", "right")}
        update(
            findings(finding(identity=row["contract"], calibrated=False, **place)),
            [SampleRule()],
            memory.state,
            scan(evening, THURSDAY),
            {"contract": chain},
            budget=20,
            false_discovery_rate=0.1,
        )
    monkeypatch.setattr(clock, "right_now", lambda: datetime(2026, 8, 7, 14, 30, tzinfo=UTC))
    return base


def test_the_job_confirms_what_was_opened_beside_contracts_like_it(settings):
    """The flagged contract opened 60 of its 100; of the others, all alike in volume, every second one did."""
    after = [1060 if place == FLAGGED or place % 2 else 1000 for place in range(20)]
    vendor = OneChain(built_chain(FRIDAY, open_interest=after))
    told = confirming.confirm_once(settings, [vendor], ("ABC",))
    assert told.problems == ()
    assert told.sentences[0] == "6 Aug: ABC 100 call, 18 Sep OPENED: 60 of 100 (60 %)"
    with opening.open_memory(settings) as memory, memory.state.read() as ledger:
        score = scoreboard(ledger.decided())[0]
    assert score.confirmed_share == 1.0
    assert 0.0 < score.matched_share < 1.0


def test_the_first_scan_of_the_morning_decides_it_too_and_later_ones_have_nothing_to_add(settings):
    after = [1060 if place == FLAGGED else 1000 for place in range(20)]
    chain = built_chain(FRIDAY, open_interest=after, quote_time=datetime(2026, 8, 7, 14, 30, tzinfo=UTC))
    rules = ruleset.load([shipped.shipped_rules()]).stable()
    first, second = (scanning.scan_once(settings, [OneChain(chain)], rules, ("ABC",), None) for _ in range(2))
    (verdict,) = first.verdicts
    assert (verdict.session_date, verdict.outcome, verdict.opened, verdict.volume) == (THURSDAY, "confirmed", 60, 100)
    assert second.verdicts == ()


def test_a_session_that_has_not_closed_tells_no_close_of_its_own(settings, monkeypatch):
    """At 10:30 on Friday the chain tells Thursday's open interest; Friday's own row comes with its close."""
    chain = built_chain(FRIDAY, open_interest=1060, quote_time=datetime(2026, 8, 7, 14, 30, tzinfo=UTC))
    with opening.open_memory(settings) as memory:
        memory.store.snapshots.write(chain, "friday")
        moments = (datetime(2026, 8, 7, 14, 30, tzinfo=UTC), datetime(2026, 8, 7, 20, 30, tzinfo=UTC))
        days = []
        for moment in moments:
            following.settle(memory.store, memory.state, moment)
            with memory.state.read() as ledger:
                (alert,) = ledger.alerts()
                days.append([(row.session_date, row.open_interest) for row in ledger.followed(alert.alert_id)])
    assert days == [[(THURSDAY, 1060)], [(THURSDAY, 1060), (FRIDAY, None)]]


def test_the_job_waits_while_the_vendor_still_shows_the_older_open_interest(settings):
    vendor = OneChain(built_chain(FRIDAY, columns={"oi_asof": date(2026, 8, 5)}))
    assert confirming.confirm_once(settings, [vendor], ("ABC",)).sentences == ("1 flagged sessions still wait",)


def test_nothing_is_fetched_where_nothing_waits(settings):
    vendor = OneChain(built_chain(FRIDAY))
    told = confirming.confirm_once(settings, [vendor], ("XYZ",))
    assert (vendor.asked, told.sentences) == ([], ("nothing waits for its open interest",))
