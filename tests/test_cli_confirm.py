"""The confirmation job, from a stored session to the verdict and what chance makes of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime

import polars as pl
import pytest
from alert_samples import SampleRule, finding, findings, scan
from built_chains import built_chain
from standard import update

from scanner.alerts.confirmation import scoreboard
from scanner.app import clock, configuring, confirming, opening
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
    assert "confirmed" in told.sentences[0]
    with opening.open_memory(settings) as memory, memory.state.read() as ledger:
        score = scoreboard(ledger.flagged())[0]
    assert score.confirmed_share == 1.0
    assert 0.0 < score.matched_share < 1.0


def test_the_job_waits_while_the_vendor_still_shows_the_older_open_interest(settings):
    vendor = OneChain(built_chain(FRIDAY, columns={"oi_asof": date(2026, 8, 5)}))
    assert confirming.confirm_once(settings, [vendor], ("ABC",)).sentences == ("1 flagged sessions still wait",)


def test_nothing_is_fetched_where_nothing_waits(settings):
    vendor = OneChain(built_chain(FRIDAY))
    told = confirming.confirm_once(settings, [vendor], ("XYZ",))
    assert (vendor.asked, told.sentences) == ([], ("nothing waits for its open interest",))
