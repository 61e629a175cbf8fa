"""Kill -9 at random moments of scan, alert, send; a webhook on loopback is the witness of what came.

    python tests/killing_messages.py --kills 300 --failing

Every process works on one state: it raises alerts, each of one contract, and sends what is owed. It is killed within a
moment, three hundred times over; then one process is left alone until nothing waits. Every alert that the state holds
must have come, and none twice to a receiver that heeds ``Idempotency-Key``; how often a message was sent again, which
is what cannot be told from outside, is counted beside.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import random
import sys
import threading
from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path.insert(0, str(Path(__file__).parent))

from alert_samples import THURSDAY, SampleRule, at, finding, findings, frames, scan
from standard import update

from scanner.app import notifying, opening
from scanner.config import Settings, StoreSettings

_A_SCAN = 3
_LOADED = [f"scanner.{name}" for name in ("store.state", "alerts.update", "outputs.messages", "config", "app.opening")]


@dataclass
class Witness:
    """What came, by key; ``failing`` answers every other request with an error, some of them after taking it."""

    failing: bool
    chance: random.Random
    came: Counter[str] = field(default_factory=Counter)
    refused: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, key: str) -> int:
        with self.lock:
            if self.failing and self.chance.random() < 0.5:
                self.refused += 1
                return 500
            self.came[key] += 1
            return 200


def served(witness: Witness) -> ThreadingHTTPServer:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:  # the library's name
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            assert body["title"]
            self.send_response(witness.take(self.headers["Idempotency-Key"]))
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def configured(folder: str, port: int) -> Settings:
    address = {"url": f"json://127.0.0.1:{port}/hook", "name": "phone", "most_an_hour": 1000}
    return Settings(store=StoreSettings(path=Path(folder)), outputs={"notify": [address]})


def work(folder: str, port: int, number: int) -> None:
    """Scan, alert and send until killed."""
    settings = configured(folder, port)
    _told_singly()
    for cycle in range(1_000_000):
        contracts = [f"GOOG250912C{number:04d}{cycle % 100:02d}{place:02d}" for place in range(_A_SCAN)]
        moment = at(THURSDAY, 13 + cycle % 7, number % 60)
        with opening.open_state(settings) as state:
            found = findings(*(finding(identity=name, contract=name) for name in contracts))
            meta = scan(moment, id=f"run-{number}-{cycle}")
            update(found, [SampleRule()], state, meta, frames(), budget=1_000_000, routes=settings.routes)
        notifying.deliver(settings)


def _told_singly() -> None:
    """Each message by itself, so that each has its own key for the witness to count; none is too old (2025) to send."""
    notifying._MOST_SINGLE = 1_000_000
    notifying._GIVEN_UP_AFTER = timedelta(days=36_500)


def left_alone(folder: str, port: int) -> None:
    """Send what is owed until nothing waits, without the pauses between attempts."""
    settings = configured(folder, port)
    notifying._FIRST_PAUSE = notifying._LONGEST_PAUSE = notifying._FIRST_PAUSE * 0
    notifying._ENOUGH = 1_000_000
    _told_singly()
    while True:
        notifying.deliver(settings)
        with opening.open_state(settings, read_only=True) as state, state.read() as ledger:
            if not ledger.waiting():
                return


def kill_senders(folder: Path, kills: int, failing: bool, seed: int = 1) -> tuple[Witness, set[str], int]:
    """Kill so many processes; what came, the ids of the messages that the state holds, and of its alerts how many."""
    chance = random.Random(seed)
    witness = Witness(failing, random.Random(seed + 1))
    server = served(witness)
    context = multiprocessing.get_context("forkserver")
    # Loaded once, and in the forks at once; found by the server of forks as by this process.
    os.environ["PYTHONPATH"] = os.pathsep.join(sys.path)
    context.set_forkserver_preload(["alert_samples", "standard", "apprise", "scanner.app.notifying", *_LOADED])
    port = server.server_address[1]
    for number in range(kills):
        process = context.Process(target=work, args=(str(folder), port, number))
        process.start()
        process.join(chance.uniform(0.5, 4.0))
        process.kill()
        process.join()
    process = context.Process(target=left_alone, args=(str(folder), port))
    process.start()
    process.join(600)
    process.kill()
    server.shutdown()
    with opening.open_state(configured(str(folder), port), read_only=True) as state, state.read() as ledger:
        return witness, ledger.message_ids(), len(ledger.alerts())


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=300)
    parser.add_argument("--failing", action="store_true", help="the webhook fails half of the time")
    options = parser.parse_args(arguments)
    with TemporaryDirectory() as folder:
        witness, owed, alerts = kill_senders(Path(folder), options.kills, options.failing)
    came = set(witness.came)
    again = sum(count - 1 for count in witness.came.values())
    print(
        f"{options.kills} killed, {alerts} alerts, {len(owed)} messages owed, {witness.refused} refused: lost "
        f"{len(owed - came)}, without an alert {len(came - owed)}, told twice to a receiver that heeds keys 0, sent "
        f"again {again}"
    )
    return int(owed != came)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
