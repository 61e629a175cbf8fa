"""The trade tape: how often sides are right, how well orders are put together, and how fast.

``python -m benchmarks tape sides`` holds the stated chances against customers that are known (a simulated tape of
another seed than they were set by), beside the classical rules of the package ``tclf`` where that is there. ``orders``
puts simulated sweeps together again, ``blocks`` holds planted blocks against as many lots in small prints, ``rarity``
counts how often rare largest orders come. ``speed [--prints N] [--peers]`` takes a generated tape to fields, cold, in a
process of its own, and beside it straightforward polars and pandas.
"""

from __future__ import annotations

import argparse
from importlib import import_module

_PARTS = ("sides", "orders", "blocks", "rarity", "speed")


def main(arguments: list[str]) -> int:
    """Run one part, or sides and orders."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks tape", description=__doc__)
    parser.add_argument("part", nargs="?", choices=_PARTS)
    parser.add_argument("--prints", type=int, default=1_000_000)
    parser.add_argument("--peers", action="store_true")
    given = parser.parse_args(arguments)
    for name in [given.part] if given.part else ["sides", "orders"]:
        # Each part with its first use: what is measured shall not load what it does without.
        import_module(f"benchmarks.tape.{name}").run(given)
    return 0
