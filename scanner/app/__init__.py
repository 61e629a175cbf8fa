"""The application as a Python API: what every face calls, the command line among them.

    from scanner import app

    result = app.scan(["GOOG", "KO"], source="simulated", store="scanner-store")
    result.to_pandas()

Every function takes ``settings`` - what :func:`settings` gives, or a configuration file, or None for the usual one -
and, beside it, what the command line's options of the same names say over it. Frames are polars frames, with the
columns and units of ``docs/fields.md``; ``to_pandas()`` stands beside each, :func:`to_pandas` makes one of any, and
where a chain is taken a frame of either library is. Importing this loads nothing of it: each function comes with its
first use, and the libraries with the first call. Errors are those of :mod:`scanner.errors`, and name an argument as the
command line does (``--source``). ``docs/notebook.md`` goes through a session.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from scanner.app.backtesting import backtest, compare
    from scanner.app.configuring import settings
    from scanner.app.confirming import confirm
    from scanner.app.discounting import curve
    from scanner.app.doctoring import doctor
    from scanner.app.event_moves import moves
    from scanner.app.heartbeat import status
    from scanner.app.importing import import_chains
    from scanner.app.looking import chain
    from scanner.app.positioning import structure
    from scanner.app.ranking_contracts import ranks
    from scanner.app.replaying import replay
    from scanner.app.reporting import report
    from scanner.app.rulebook import check_rules, explain, fields, load_rules, new_rule, prove_rules
    from scanner.app.scanning import scan
    from scanner.app.series import history
    from scanner.app.silencing import acknowledge, mute, silences, unmute
    from scanner.app.simulating import simulate
    from scanner.app.stored import alert, alerts, exported, held_back, scoreboard, watchlist
    from scanner.app.storing import prune_store, rebuild_store, store_info, verify_store
    from scanner.app.taping import tape
    from scanner.frames import to_pandas, to_polars
    from scanner.market.vendor_ranks import RankedBy
    from scanner.severity import Severity

__all__ = [
    "RankedBy",
    "Severity",
    "acknowledge",
    "alert",
    "alerts",
    "backtest",
    "chain",
    "check_rules",
    "compare",
    "confirm",
    "curve",
    "doctor",
    "explain",
    "exported",
    "fields",
    "held_back",
    "history",
    "import_chains",
    "load_rules",
    "moves",
    "mute",
    "new_rule",
    "prove_rules",
    "prune_store",
    "ranks",
    "rebuild_store",
    "replay",
    "report",
    "scan",
    "scoreboard",
    "settings",
    "silences",
    "simulate",
    "status",
    "store_info",
    "structure",
    "tape",
    "to_pandas",
    "to_polars",
    "unmute",
    "verify_store",
    "watchlist",
]

# Where each name is found when it is first asked for (PEP 562). No module here may be called as a function is: the
# package would hold whichever of the two came last.
_HOMES = {
    "scanner.app.backtesting": ("backtest", "compare"),
    "scanner.app.configuring": ("settings",),
    "scanner.app.confirming": ("confirm",),
    "scanner.app.discounting": ("curve",),
    "scanner.app.doctoring": ("doctor",),
    "scanner.app.event_moves": ("moves",),
    "scanner.app.heartbeat": ("status",),
    "scanner.app.importing": ("import_chains",),
    "scanner.app.looking": ("chain",),
    "scanner.app.positioning": ("structure",),
    "scanner.app.ranking_contracts": ("ranks",),
    "scanner.app.replaying": ("replay",),
    "scanner.app.reporting": ("report",),
    "scanner.app.rulebook": ("check_rules", "explain", "fields", "load_rules", "new_rule", "prove_rules"),
    "scanner.app.scanning": ("scan",),
    "scanner.app.series": ("history",),
    "scanner.app.silencing": ("acknowledge", "mute", "silences", "unmute"),
    "scanner.app.simulating": ("simulate",),
    "scanner.app.stored": ("alert", "alerts", "exported", "held_back", "scoreboard", "watchlist"),
    "scanner.app.storing": ("prune_store", "rebuild_store", "store_info", "verify_store"),
    "scanner.app.taping": ("tape",),
    "scanner.frames": ("to_pandas", "to_polars"),
    "scanner.market.vendor_ranks": ("RankedBy",),
    "scanner.severity": ("Severity",),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

if not TYPE_CHECKING:
    # Else a type checker would take every name for one that is here.

    def __getattr__(name: str) -> Any:
        if name not in _HOME_OF:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        found = globals()[name] = getattr(import_module(_HOME_OF[name]), name)
        return found

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})
