"""Kill -9 of whole daemons at random moments; a webhook on loopback is the witness of what came.

    python tests/killing_messages.py --kills 300 --failing

Every process runs the whole of ``scanner run`` on one store - schedule, scans, state, sending -, twenty times as fast
as the clock: scan after scan, and every third minute one more contract trades as it never did. Nights and weekends are
left out. It is killed within a moment, three hundred times over; then one process is left alone until nothing waits.
What should have come is known from the market alone: each contract that traded so by the last scan that ended, by one
message, whose key a receiver that heeds ``Idempotency-Key`` has seen once. What a scan raised that was killed before it
ended is kept and told, too: an alert is without cause where its contract had not traded so when it was first seen. How
often a message was sent again by the same key, which is what cannot be known from outside, is counted beside.
"""

from __future__ import annotations

import argparse
import json
import logging
import multiprocessing
import os
import random
import re
import sys
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta, tzinfo
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing.process import BaseProcess
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path.insert(0, str(Path(__file__).parent))

import polars as pl
from alert_samples import SURGE_RULE
from apscheduler.schedulers import base
from built_chains import built_chain
from standard import calendar

from scanner.app import clock, daemon, notifying, opening
from scanner.config import Settings
from scanner.outputs import messages
from scanner.sources.base import Fetched, Vendor

SPEED = 20
DAYS = calendar.sessions_between(date(2026, 6, 1), date(2026, 7, 2))
NAMES = [f"N{chr(65 + place)}" for place in range(len(DAYS))]
# Before the open and after the close, so that what is due at both is run.
BEFORE, AFTER = timedelta(minutes=5), timedelta(minutes=45)
STRIKES = [84.0 + 2 * place for place in range(22)]
FRIDAYS = [date(2026, 8, 7) + timedelta(days=7 * week) for week in range(3)]
PAUSE = timedelta(minutes=3)
SURGE = 6_000
STOOD = "stood.txt"
CONFIG = """
source: simulated
store: {{path: store}}
watchlists: {{w: [{names}]}}
schedule:
  - {{name: minutely, watchlist: w, every: 1m}}
  - {{name: close, watchlist: w, at: close}}
alerts: {{budget_per_session: 100000, at_least: {{premium: 0, lots: 1}}}}
rules: [rules]
outputs:
  notify:
    - {{url: "json://127.0.0.1:{port}/hook", name: phone, most_an_hour: 1000}}
"""


# The market


def contracts_of(day: date) -> list[str]:
    """The contracts of a session in the order in which they begin to trade."""
    return list(market(day, calendar.session_open(day))["contract"])


def market(day: date, moment: datetime) -> pl.DataFrame:
    """A chain of the name of that session, so that no contract comes twice."""
    count = 2 * len(FRIDAYS) * len(STRIKES)
    quoted = min(moment, calendar.session_close(day))
    traded = (quoted - calendar.session_open(day)) // PAUSE
    volumes = [SURGE if number < traded else 10 for number in range(count)]
    return built_chain(
        day, underlying=name_of(day), expiries=FRIDAYS, strikes=STRIKES, volume=volumes, quote_time=quoted
    )


def name_of(day: date) -> str:
    """The name that is traded in a session, and in no other."""
    return NAMES[DAYS.index(day)]


def traded_by(day: date, moment: datetime) -> list[str]:
    """The contracts of a session that had traded as they never do by a moment."""
    chain = market(day, moment)
    return list(chain.filter(pl.col("volume") == SURGE)["contract"])


class Surging:
    """A source of that market: now, or as it stood at a moment."""

    vendor = Vendor("simulated", "a market that surges", "")

    def __init__(self, stands: datetime | None = None) -> None:
        self._stands = stands

    def chains(self, symbols: Iterable[str], now: datetime) -> Iterator[Fetched]:
        moment = self._stands or now
        session = calendar.session_of(moment)
        yield from (Fetched(symbol, market(session, moment)) for symbol in symbols if symbol == name_of(session))


class Fast:
    """A clock sixty times as fast as that of the machine, which knows no nights: the same for all processes."""

    def __init__(self, began: float) -> None:
        self._began = began

    def __call__(self) -> datetime:
        left = timedelta(seconds=(time.time() - self._began) * SPEED)
        for day in DAYS:
            first = calendar.session_open(day) - BEFORE
            length = calendar.session_close(day) + AFTER - first
            if left < length:
                return first + left
            left -= length
        raise RuntimeError("the sessions are over")

    def install(self) -> None:
        """Make it the clock of this process's program and scheduler."""
        now = self

        class Clock(datetime):
            @classmethod
            def now(cls, tz: tzinfo | None = None) -> datetime:
                return now().astimezone(tz or UTC)

        clock.right_now = self
        base.datetime = Clock


# The witness


@dataclass
class Witness:
    """What came, by key; ``failing`` answers every other request with an error, half of those after taking it."""

    failing: bool
    chance: random.Random
    came: Counter[str] = field(default_factory=Counter)
    keys: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    refused: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, key: str, body: dict[str, str]) -> int:
        with self.lock:
            fails = self.failing and self.chance.random() < 0.5
            self.refused += fails
            if not fails or self.chance.random() < 0.5:
                self.came[key] += 1
                for alert_id in re.findall(r"(?:\(|show )([0-9a-f]{8})\b", body["message"]):
                    self.keys[alert_id].add(key)
            return 500 if fails else 200


def served(witness: Witness) -> ThreadingHTTPServer:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:  # the library's name
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(witness.take(self.headers["Idempotency-Key"], body))
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


# The processes


def prepare(folder: Path, port: int) -> None:
    (folder / "rules").mkdir()
    (folder / "rules" / "surge.yaml").write_text(SURGE_RULE, "utf-8")
    (folder / "config.yaml").write_text(CONFIG.format(port=port, names=", ".join(NAMES)), "utf-8")


def running(folder: str, began: float, *, stands: bool = False) -> daemon.Daemon:
    """The daemon of ``scanner run``, by the fast clock; of a market that ``stands`` nothing new comes."""
    os.chdir(folder)
    Fast(began).install()
    logging.disable(logging.WARNING)
    stood = clock.right_now() if stands else None
    if stood is not None:
        Path(STOOD).write_text(stood.isoformat(), "utf-8")
    opening.open_sources = lambda *_, **__: [Surging(stood)]
    daemon._LOOK_EVERY = daemon._NAP = timedelta(seconds=0.1)
    notifying._LOOK_EVERY = 0.1
    # Every alert is to be seen in the message that tells it.
    messages._LISTED = 100_000
    return daemon.Daemon(daemon.Inputs(Path("config.yaml")), lambda result, least: None)


def work(folder: str, began: float) -> None:
    """Run until killed."""
    running(folder, began).run()


def left_alone(folder: str, began: float) -> None:
    """Run until a scan was made and nothing waits."""
    schedule = running(folder, began, stands=True)
    settings = schedule.inputs.load().settings
    since = clock.right_now()

    def end_once_all_is_sent() -> None:
        while True:
            time.sleep(0.2)
            with opening.open_state(settings, read_only=True) as state, state.read() as ledger:
                scanned = any(run["as_of"] > since.isoformat() for run in ledger.runs(1))
                if scanned and not ledger.waiting():
                    schedule.stop()
                    return

    threading.Thread(target=end_once_all_is_sent, daemon=True).start()
    schedule.run()


@dataclass(frozen=True)
class Outcome:
    """What should have come, what the state holds, what came: contracts; and messages sent again or by two keys.

    ``raised_without_cause`` are the contracts of alerts that the market gave no reason for when they were first seen.
    """

    expected: frozenset[str]
    raised_without_cause: frozenset[str]
    alerts: dict[str, str]
    came: dict[str, frozenset[str]]
    sessions: int
    runs: int
    messages: int
    again: int
    refused: int

    @property
    def never_raised(self) -> set[str]:
        return set(self.expected) - set(self.alerts)

    @property
    def lost(self) -> set[str]:
        return {contract for contract, alert_id in self.alerts.items() if not self.came.get(alert_id[:8])}

    @property
    def twice(self) -> set[str]:
        return {contract for contract, alert_id in self.alerts.items() if len(self.came.get(alert_id[:8], ())) > 1}

    @property
    def sound(self) -> bool:
        return not (self.never_raised or self.raised_without_cause or self.lost or self.twice)

    def __str__(self) -> str:
        return (
            f"{self.sessions} sessions, {self.runs} scans, {len(self.expected)} contracts traded as never: "
            f"{len(self.never_raised)} raised no alert, {len(self.raised_without_cause)} alerts without cause, "
            f"{len(self.lost)} alerts lost, {len(self.twice)} told twice to a receiver that heeds keys; "
            f"{self.messages} messages came, {self.again} of them again by the same key, {self.refused} requests failed"
        )


def _let_work(process: BaseProcess, seconds: float) -> None:
    """Wait until a process has had so many seconds of a processor: on a busy machine a moment of its life, too."""
    ticks = seconds * os.sysconf("SC_CLK_TCK")
    while process.is_alive():
        used = Path(f"/proc/{process.pid}/stat").read_text("utf-8").rpartition(")")[2].split()
        if int(used[11]) + int(used[12]) >= ticks:
            return
        time.sleep(0.01)


def kill_daemons(folder: Path, kills: int, *, failing: bool, seed: int = 1, longest: float = 3.0) -> Outcome:
    """Kill so many daemons within ``longest`` seconds of work each, leave one alone, and see what came."""
    chance = random.Random(seed)
    witness = Witness(failing, random.Random(seed + 1))
    server = served(witness)
    prepare(folder, server.server_address[1])
    context = multiprocessing.get_context("forkserver")
    # Loaded once, and in the forks at once; found by the server of forks as by this process.
    os.environ["PYTHONPATH"] = os.pathsep.join(sys.path)
    context.set_forkserver_preload(["killing_messages", "apprise", "scanner.pipeline", "scanner.store.state"])
    began = time.time()
    for number in range(kills):
        process = context.Process(target=work, args=(str(folder), began))
        process.start()
        _let_work(process, chance.uniform(0.3, longest))
        process.kill()
        process.join()
        if number % 25 == 24:
            print(f"{number + 1} killed, {len(witness.came)} messages came", file=sys.stderr, flush=True)
    process = context.Process(target=left_alone, args=(str(folder), began))
    process.start()
    process.join(900)
    process.kill()
    server.shutdown()
    return seen(folder, witness)


def seen(folder: Path, witness: Witness) -> Outcome:
    settings = Settings(store={"path": folder / "store"})
    with opening.open_state(settings, read_only=True) as state, state.read() as ledger:
        raised = ledger.alerts()
        runs = ledger.runs(1_000_000)
    stood = datetime.fromisoformat((folder / STOOD).read_text("utf-8"))
    newest: dict[str, datetime] = {}
    for run in runs:
        moment = min(datetime.fromisoformat(run["as_of"]), stood)
        newest[run["session_date"]] = max(moment, newest.get(run["session_date"], moment))
    expected = set()
    for day, moment in newest.items():
        expected.update(traded_by(date.fromisoformat(day), moment))
    alerts = {alert.contract: alert.alert_id for alert in raised if alert.contract is not None}
    first_seen = {alert.contract: (alert.session_date, min(alert.first_seen, stood)) for alert in raised}
    uncaused = frozenset(contract for contract in alerts if contract not in traded_by(*first_seen[contract]))
    came = {alert_id: frozenset(keys) for alert_id, keys in witness.keys.items()}
    again = sum(count - 1 for count in witness.came.values())
    return Outcome(
        frozenset(expected), uncaused, alerts, came, len(newest), len(runs), len(witness.came), again, witness.refused
    )


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=300)
    parser.add_argument("--failing", action="store_true", help="the webhook fails half of the time")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)
    with TemporaryDirectory() as folder:
        outcome = kill_daemons(Path(folder), options.kills, failing=options.failing, seed=options.seed)
    print(f"{options.kills} killed; {outcome}")
    return int(not outcome.sound)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
