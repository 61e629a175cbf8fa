"""Rules: YAML in, findings out. ``load`` reads them, ``judge`` applies them to metric frames; both never raise.

loaded = ruleset.load([resources.shipped_rules()])
judgement = ruleset.judge(loaded.stable(), frames, reasons)
"""

from scanner.ruleset.judge import Judgement, judge
from scanner.ruleset.load import load
from scanner.ruleset.model import Cooldown, Drivers, Filter, Loaded, Rule
from scanner.ruleset.problems import Place, Problem

__all__ = ["Cooldown", "Drivers", "Filter", "Judgement", "Loaded", "Place", "Problem", "Rule", "judge", "load"]
