"""``python -m benchmarks NAME [arguments]``: run one benchmark; it says itself what its arguments are."""

from __future__ import annotations

import importlib
import importlib.util
import sys

NAMES = {
    "pricing": "implied volatility and greeks against other libraries",
    "market": "pricing two million contracts of a whole market at once",
    "history": "reading, joining and summarising sessions of the whole market",
    "positioning": "exposures, zero gamma, walls and max pain of two million contracts",
    "rules": "judging the shipped rules over the whole market",
    "scan": "whole scans of a generated market, step by step, beside scripts of pandas and polars",
    "cluster": "replaying and importing in one process and by several workers",
    "objects": "scans with the store in a folder and below a prefix in a bucket, in turn",
    "scoring": "scoring two million contracts of a whole market",
    "tape": "the trade tape: sides held against known customers, orders put together, and speed",
    "fetching": "the chains of a whole market from a vendor that takes its time, and what a call costs",
    "detection": "finding injected anomalies, and false alarms on quiet sessions",
}


def main(arguments: list[str]) -> int:
    """Call ``main(arguments)`` of the named benchmark; 2 where there is none of that name."""
    name, rest = (arguments[0], arguments[1:]) if arguments else ("", [])
    if name not in NAMES:
        wanted = f"no benchmark is called {name!r}" if name and not name.startswith("-") else "which benchmark?"
        listed = "\n".join(f"  {known:<11} {what}" for known, what in NAMES.items())
        print(f"{wanted}\nusage: python -m benchmarks NAME [arguments]\n{listed}", file=sys.stderr)
        return 0 if name in ("-h", "--help") else 2
    module = f"{__package__}.{name}"
    if importlib.util.find_spec(module) is None:
        print(f"benchmarks/{name}.py is missing from this checkout", file=sys.stderr)
        return 2
    return int(importlib.import_module(module).main(rest) or 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
