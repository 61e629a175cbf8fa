"""Fuzz the HTTP client with answers that no sound server sends, on the loopback interface.

python tools/fuzz_http.py --count 5000 --seed 1

Each answer is made from a seed, which is told with a finding. A finding is an exception that is no HttpError, or an
answer that outlasts its deadline. Ends with how often each outcome came, and how long the slowest took.
"""

from __future__ import annotations

import argparse
import sys
import time
import traceback
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

import hostile_answers
from raw_server import serving

from scanner.sources.http import HttpError, Limits, PoliteClient

DEADLINE = 5.0
# What a busy machine may add to it.
SLACK = 1.0


def main() -> int:
    """Fuzz, and return 1 where anything was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    outcomes: Counter[str] = Counter()
    slowest, findings = 0.0, 0
    sent = [b""]
    with serving(lambda _: [sent[0]]) as server:
        for seed in range(asked.seed, asked.seed + asked.count):
            sent[0] = hostile_answers.answer(seed)
            outcome, seconds = one(server.url())
            slowest = max(slowest, seconds)
            if outcome.startswith("FOUND") or seconds > DEADLINE + SLACK:
                findings += 1
                sys.stdout.write(f"seed {seed}: {outcome} after {seconds:.2f} seconds\n")
            outcomes[outcome] += 1
    for outcome, count in outcomes.most_common():
        sys.stdout.write(f"{count:7,}  {outcome}\n")
    sys.stdout.write(f"slowest {slowest:.2f} seconds of {DEADLINE:g}; findings: {findings}\n")
    return 1 if findings else 0


def one(url: str) -> tuple[str, float]:
    """The outcome of one answer, and the seconds it took."""
    limits = Limits(
        connect_timeout=3.0, read_timeout=3.0, whole_timeout=DEADLINE, attempts=1, between_requests=0.0, remember=0.0
    )
    began = time.monotonic()
    try:
        outcome = f"status {PoliteClient(limits).get(url).status}"
    except HttpError as error:
        outcome = error.code
        if not str(error).isprintable():
            outcome = f"FOUND an unprintable message {str(error)!r}"
    except Exception as error:
        traceback.print_exc()
        outcome = f"FOUND {type(error).__name__}"
    return outcome, time.monotonic() - began


if __name__ == "__main__":
    sys.exit(main())
