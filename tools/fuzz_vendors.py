"""Damage what vendors answer at random and look at what their adapters make of it.

python tools/fuzz_vendors.py --bodies 2000 --seed 1 [--vendor NAME ...] [--report FILE]

Every answer for one chain is made by the vendor's stub (`tests/vendor_stubs.py`), and one of them is damaged: a value
replaced by one that no vendor should send, a key or an entry lost, doubled or exchanged, bytes scratched, the end cut
off. A finding is an exception that escapes or is the program's own fault, more than ten seconds, a chain that breaks
its contract, and a price, count or volatility that is neither the market's nor missing: a wrong number in silence.

The vendors take turns, two hundred bodies each, so that a run that is broken off has looked at all of them alike; what
was looked at stands in the report after every turn.
"""

from __future__ import annotations

import argparse
import copy
import json
import random
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from hashlib import blake2b
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(1, str(Path(__file__).parents[1] / "tests"))

import opend_stub  # noqa: F401 - which serves one more vendor
import vendor_stubs
from vendor_stubs import MARKET, Behaviour
from werkzeug.test import EnvironBuilder
from werkzeug.wrappers import Request

from scanner.market import chain
from scanner.market.calendar import Calendar
from scanner.sources.access import Access
from scanner.sources.base import Fetched, VendorOptions
from scanner.sources.http import Answer
from scanner.sources.live import LiveSource
from scanner.sources.registry import VENDORS

LIVE = tuple(name for name, vendor in VENDORS.items() if vendor.live and name in vendor_stubs.HANDLERS)
LONGEST_SECONDS = 10.0
_TURN = 200
_SHOWN = 50
# What no vendor should send where a number, a name or a time is expected.
ABSURD: tuple[Any, ...] = (
    -1, -0.01, -1e308, 1e12, 1e308, 10**400, "NaN", "Infinity", "abc", "", " ", "-", "1e999", "--5", "\x1b[31m",
    "\ud800", "9" * 400, True, None, [], {}, [1, 2], {"a": 1}, [[[[[]]]]], "=1+1", "0001-01-01T00:00:00Z", "9999-12-31",
)  # fmt: skip
_NUMBERS = ("bid", "ask", "bid_size", "ask_size", "last", "volume", "open_interest", "vendor_iv", "spot")
# Not what makes another number of one, which nobody can see.
_SCRATCHES = bytes(byte for byte in range(256) if chr(byte) not in "0123456789.-+eE, \t\r\n")
_CALENDAR = Calendar.standard()
_URL = "http://127.0.0.1:1"


@dataclass(frozen=True)
class Finding:
    """One damaged answer that was not dealt with: its vendor, its number, and what came of it."""

    vendor: str
    number: int
    what: str


class _Damaging:
    """Answers as the vendor's stub does, but for the one of that number, whose body is another.

    ``heard`` are the stub's answers, which are the same to everybody who asks alike; ``bodies`` what was answered.
    """

    def __init__(self, vendor: str, heard: dict[str, Answer], damage: tuple[int, bytes] | None = None) -> None:
        self._handler, self._heard, self._damage = vendor_stubs.HANDLERS[vendor], heard, damage
        self.bodies: list[bytes] = []

    def get(self, url: str, headers: Mapping[str, str] | None = None, *, final: frozenset[int] = frozenset()) -> Answer:
        """The stub's answer, or the damaged one where it is its turn."""
        del final
        answer = self._heard.get(url) or self._heard.setdefault(url, self._ask(url, headers or {}))
        if self._damage is not None and self._damage[0] == len(self.bodies):
            answer = replace(answer, body=self._damage[1])
        self.bodies.append(answer.body)
        return answer

    def post(self, url: str, document: bytes, headers: Mapping[str, str] | None = None) -> Answer:
        """No chain is asked for so."""
        del url, document, headers
        raise NotImplementedError

    def secret(self, url: str, headers: Mapping[str, str], form: Mapping[str, str] | None = None) -> Answer:
        """As the stub answers."""
        del form
        return self._ask(url, headers)

    def _ask(self, url: str, headers: Mapping[str, str]) -> Answer:
        parts = urlsplit(url)
        builder = EnvironBuilder(path=parts.path, query_string=parts.query, headers=list(headers.items()))
        response = self._handler(Behaviour(), Request(builder.get_environ()))
        return Answer(response.status_code, response.get_data(), dict(response.headers))


def damaged(body: bytes, chance: random.Random) -> bytes:
    """A body with one thing wrong."""
    kind = chance.random()
    if kind < 0.1:
        scratched = bytearray(body)
        for _ in range(chance.randrange(1, 4)):
            if scratched:
                scratched[chance.randrange(len(scratched))] = chance.choice(_SCRATCHES)
        return bytes(scratched)
    try:
        document = json.loads(body)
    except ValueError:
        return _damaged_table(body, chance)
    if kind < 0.2:
        return body[: chance.randrange(len(body) + 1)]
    return json.dumps(_damaged_value(document, chance)).encode("utf-8", "surrogatepass")


def _damaged_table(body: bytes, chance: random.Random) -> bytes:
    lines = body.decode().split("\r\n")
    row = chance.randrange(len(lines))
    cells = lines[row].split(",")
    cells[chance.randrange(len(cells))] = str(chance.choice(ABSURD)).encode("ascii", "replace").decode()
    lines[row] = ",".join(cells)
    return "\r\n".join(lines).encode()


def _damaged_value(document: Any, chance: random.Random) -> Any:
    """The document with one place changed, lost or doubled."""
    document = copy.deepcopy(document)
    places = list(_places(document))
    if not places:
        return chance.choice(ABSURD)
    holder, key = chance.choice(places)
    kind = chance.random()
    if kind < 0.8:
        holder[key] = chance.choice(ABSURD)
    elif kind < 0.9:
        del holder[key]
    elif isinstance(holder, list):
        holder.insert(chance.randrange(len(holder) + 1), copy.deepcopy(holder[key]))
    else:
        holder[f"{key}_again"] = holder.pop(key)
    return document


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every place in a document that something stands in."""
    keys: Iterable[Any] = value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for key in keys:
        yield value, key
        yield from _places(value[key])


def fetch(vendor: str, client: _Damaging) -> Fetched:
    """What a vendor's adapter makes of the answers."""
    module = import_module(VENDORS[vendor].module)
    kind: type[LiveSource] = next(
        one for one in vars(module).values()
        if isinstance(one, type) and issubclass(one, LiveSource) and one is not LiveSource
    )  # fmt: skip
    names = VENDORS[vendor].keys[0] if VENDORS[vendor].keys else ()
    access = Access(VENDORS[vendor], client, VendorOptions(url=_URL), dict.fromkeys(names, vendor_stubs.KEY))
    moment = vendor_stubs.NOW if vendor != "alphavantage" else vendor_stubs.NOW.replace(day=17)
    (fetched,) = kind(access, _CALENDAR).chains(["XYZ"], moment)
    return fetched


class Fuzzed:
    """What came of the damaged answers of a vendor so far; the same numbers and seed are the same answers.

    ``distinct`` is how many differ from each other: one that was looked at before would end as it did then, and is not
    read again. ``slowest`` is the longest that one took, ``seconds`` what all of them took of processor time.
    """

    def __init__(self, vendor: str, seed: int) -> None:
        self.vendor, self._seed = vendor, seed
        self.findings: list[Finding] = []
        self.count, self.slowest, self.seconds = 0, 0.0, 0.0
        self._heard: dict[str, Answer] = {}
        sound = _Damaging(vendor, self._heard)
        truth = fetch(vendor, sound)
        assert truth.chain is not None, truth.error
        self._bodies = sound.bodies
        self._rows = {row["contract"]: row for row in truth.chain.iter_rows(named=True)}
        self._seen: dict[bytes, str] = {}

    @property
    def distinct(self) -> int:
        """How many were looked at."""
        return len(self._seen)

    def look(self, numbers: Iterable[int]) -> None:
        """Look at more of them."""
        began = time.process_time()
        for number in numbers:
            chance = random.Random(f"{self.vendor} {self._seed} {number}")  # noqa: S311 - to be the same again
            which = chance.randrange(len(self._bodies))
            body = damaged(self._bodies[which], chance)
            name = blake2b(b"%d %b" % (which, body), digest_size=16).digest()
            if name not in self._seen:
                since = time.process_time()
                self._seen[name] = _look(self.vendor, _Damaging(self.vendor, self._heard, (which, body)), self._rows)
                self.slowest = max(self.slowest, time.process_time() - since)
            if self._seen[name]:
                self.findings.append(Finding(self.vendor, number, self._seen[name]))
            self.count += 1
        self.seconds += time.process_time() - began

    def told(self) -> str:
        """All of it in a line."""
        return (
            f"{self.vendor}: {self.count:,} damaged answers, {self.distinct:,} of them different, "
            f"{len(self.findings)} findings, {self.seconds:.0f} s, "
            f"{self.seconds / max(1, self.distinct) * 1000:.1f} ms each, slowest {self.slowest:.2f} s"
        )


def fuzz(vendor: str, numbers: Iterable[int], seed: int) -> Fuzzed:
    """Look at damaged answers of a vendor."""
    fuzzed = Fuzzed(vendor, seed)
    fuzzed.look(numbers)
    return fuzzed


def _look(vendor: str, client: _Damaging, truth: Mapping[str, Mapping[str, Any]]) -> str:
    """What is wrong with what comes of the answers; empty where nothing is."""
    began = time.process_time()
    try:
        fetched = fetch(vendor, client)
    except Exception as error:
        return f"{type(error).__name__}: {str(error)[:200]}"
    # By the processor: what else runs on the machine says nothing of the adapter.
    if time.process_time() - began > LONGEST_SECONDS:
        return f"took {time.process_time() - began:.0f} seconds"
    if fetched.chain is None:
        if fetched.error is None or fetched.error.code == "program_fault":
            return f"the program's fault: {fetched.error}"
        return "" if fetched.error.message.isprintable() else "an error that is not fit to be shown"
    if fetched.chain.schema != chain.SCHEMA:
        return "a chain that breaks its contract"
    return "; ".join(_wrong_numbers(fetched, truth))


def _wrong_numbers(fetched: Fetched, truth: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    assert fetched.chain is not None
    for row in fetched.chain.iter_rows(named=True):
        market = truth.get(row["contract"])
        if market is None:
            if row["contract"] not in {one.symbol for one in MARKET.options}:
                yield f"a contract that nobody listed: {row['contract']}"
            continue
        for name in _NUMBERS:
            if row[name] is not None and row[name] != market[name] and not (name == "volume" and row[name] == 0):
                yield f"{row['contract']} {name} {row[name]} for {market[name]}"


def main() -> int:
    """Read the arguments and print what was found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bodies", type=int, default=2000, help="damaged answers of each vendor")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--vendor", action="append", choices=LIVE, help="this one alone; may be repeated")
    parser.add_argument("--report", type=Path, help="a file that holds what was found so far")
    chosen = parser.parse_args()
    vendors = [Fuzzed(vendor, chosen.seed) for vendor in chosen.vendor or LIVE]
    for begin in range(0, chosen.bodies, _TURN):
        for fuzzed in vendors:
            fuzzed.look(range(begin, min(begin + _TURN, chosen.bodies)))
            if chosen.report is not None:
                chosen.report.write_text(_report(vendors), "utf-8")
    sys.stdout.write(_report(vendors))
    return 1 if any(fuzzed.findings for fuzzed in vendors) else 0


def _report(vendors: list[Fuzzed]) -> str:
    lines = []
    for fuzzed in vendors:
        lines.append(fuzzed.told())
        lines += [f"  {one.number}: {one.what}" for one in fuzzed.findings[:_SHOWN]]
    return "".join(f"{line}\n" for line in lines)


if __name__ == "__main__":
    sys.exit(main())
