"""Every adapter behind a bad network: each symbol comes whole and right, or is named with a reason."""

from __future__ import annotations

import random
import threading
from dataclasses import replace
from itertools import product
from pathlib import Path
from string import ascii_uppercase

import pytest
import vendor_stubs
from fault_proxy import FAULTS, FaultProxy, market_of
from live_sources import LIVE, kind_of, moment_of
from raw_server import serving
from standard import calendar

from scanner.sources.access import Access
from scanner.sources.base import Fetched, Rate, VendorOptions
from scanner.sources.http import Limits, PoliteClient
from scanner.sources.pace import Pace
from scanner.sources.registry import VENDORS

# None of them inside a word of an address, so that the stub knows which one is meant.
NAMES = tuple("Q" + "".join(letters) for letters in product(ascii_uppercase, repeat=2))
# A machine may be busy; only what drips is not waited for.
PATIENT = Limits(
    connect_timeout=5.0, read_timeout=10.0, whole_timeout=10.0, attempts=2, first_pause=0.01, longest_pause=2.0,
    between_requests=0.0, remember=0.0, at_once=4,
)  # fmt: skip
SOON = replace(PATIENT, read_timeout=0.6, whole_timeout=0.6)


def ask(
    name: str, url: str, symbols: tuple[str, ...], workers: int, pace: Pace | None = None, limits: Limits = PATIENT
) -> list[Fetched]:
    """What a vendor's source makes of symbols."""
    secrets = dict.fromkeys(VENDORS[name].keys[0] if VENDORS[name].keys else (), vendor_stubs.KEY)
    access = Access(VENDORS[name], PoliteClient(limits, pace=pace), VendorOptions(url=url), secrets)
    return list(kind_of(name)(access, calendar, workers=workers).chains(symbols, moment_of(name)))


class _Counted(Pace):
    """A pace that keeps when each call it let through was to be made."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.turns: list[float] = []
        self._clock, self._asked = self.now, threading.local()
        self.now = self._remembered

    def _remembered(self) -> float:
        """The time, and this thread's note of it: from it a pause is counted, however long a turn was waited for."""
        self._asked.at = self._clock()
        return self._asked.at

    def turn(self, longest: float) -> float:
        """As in the base class."""
        pause = super().turn(longest)
        self.turns.append(self._asked.at + pause)
        return pause


def wrong_with(fetched: Fetched, name: str) -> str:
    """What a symbol's answer has that neither the market nor a reason has; empty where it is sound."""
    if fetched.chain is None:
        told = fetched.error is not None and fetched.error.code != "program_fault" and fetched.error.message
        return "" if told else f"{fetched.symbol}: {fetched.error}"
    given = {row["contract"]: row for row in fetched.chain.iter_rows(named=True)}
    market = {one.symbol: one for one in market_of(fetched.symbol).options}
    if set(given) != set(market) and not fetched.notes:
        return f"{fetched.symbol}: {sorted(set(market) ^ set(given))} in silence"
    strange = set(given) - set(market)
    if strange:
        return f"{fetched.symbol}: {sorted(strange)}, which nobody listed"
    for contract, row in given.items():
        one = market[contract]
        told = (row["bid"], row["ask"], row["volume"] or 0)
        if told not in {(one.bid, one.ask, one.volume if one.today else 0), (one.bid, one.ask, 0)}:
            return f"{contract}: {told}"
    return ""


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("name", LIVE)
def test_a_symbol_whose_answer_goes_wrong_is_right_or_named_and_so_are_those_beside_it(name: str, fault: str) -> None:
    proxy = FaultProxy(name, NAMES[:3], random.Random(f"{name} {fault}"), share=0.25, faults=(fault,))
    with serving(proxy.answer) as server:
        answers = ask(name, server.url(""), NAMES[:3], workers=1, limits=SOON if fault == "drip" else PATIENT)
    assert [one.symbol for one in answers] == list(NAMES[:3])
    assert [wrong_with(one, name) for one in answers] == [""] * 3


@pytest.mark.parametrize("name", LIVE)
def test_without_a_fault_every_symbol_is_whole(name: str) -> None:
    proxy = FaultProxy(name, NAMES[:4], random.Random(1), share=0.0)
    with serving(proxy.answer) as server:
        answers = ask(name, server.url(""), NAMES[:4], workers=4)
    assert [one.chain is not None and one.chain.height for one in answers] == [len(vendor_stubs.MARKET.options)] * 4


@pytest.mark.slow
@pytest.mark.parametrize("name", ["tradier", "massive", "alpaca"])
def test_of_a_thousand_requests_a_tenth_goes_wrong_and_the_rate_is_kept(name: str, tmp_path: Path) -> None:
    rate = Rate(calls=60, seconds=1.0)
    pace = _Counted(name, rate, tmp_path / "pace")
    proxy = FaultProxy(name, NAMES, random.Random(name))
    answers: list[Fetched] = []
    with serving(proxy.answer) as server:
        # A source ends its asking where all further symbols would fail alike; a schedule asks again at its next run.
        while len(proxy.asked_at) < 1_000:
            answers += ask(name, server.url(""), NAMES[len(answers) % 600 : len(answers) % 600 + 40], 4, pace, SOON)
    assert [what for one in answers if (what := wrong_with(one, name))] == []
    whole = sum(one.chain is not None for one in answers)
    named = {one.error.code for one in answers if one.error is not None}
    assert whole > 50
    assert named <= {"timeout", "truncated", "malformed", "server_error", "rate_limited", "unreadable", "not_asked",
                     "unreachable", "incomplete", "unknown_symbol", "empty_chain", "encoding", "refused"}  # fmt: skip
    assert sum(count for fault, count in proxy.had.items() if fault) > 60
    # No request is made without a turn, and no second holds more turns than are stated, to a thousandth of it.
    assert len(proxy.asked_at) <= len(pace.turns)
    begins = sorted(pace.turns)
    assert max(sum(1 for at in begins if begin <= at < begin + 0.999) for begin in begins) <= rate.calls
