"""Rules: YAML in, findings out. ``load`` reads them, ``judge`` applies them to metric frames; both never raise.

    loaded = ruleset.load([shipped.shipped_rules()])
    judgement = judge(loaded.stable(), frames, reasons)

Reading and listing rules takes no frames, so ``judge`` is in a module of its own, :mod:`scanner.ruleset.judge`.
"""

from scanner.ruleset.load import load
from scanner.ruleset.model import Cooldown, Drivers, Filter, Loaded, Rule
from scanner.ruleset.problems import Place, Problem

__all__ = ["Cooldown", "Drivers", "Filter", "Loaded", "Place", "Problem", "Rule", "load"]
