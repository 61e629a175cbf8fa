"""The application as a Python API: what every face calls, the command line among them.

    from scanner import app

    result = app.scan(["GOOG", "KO"], source="simulated", store="scanner-store")
    result.to_pandas()

Every function takes ``settings`` - what :func:`settings` gives, or a configuration file, or None for the usual one -
and, beside it, what the command line's options of the same names say over it. Frames are polars frames, with the
columns and units of ``docs/fields.md``; ``to_pandas()`` stands beside each, :func:`to_pandas` makes one of any, and
where a chain is taken a frame of either library is. Importing this loads nothing heavy; the libraries come with the
first call. Errors are those of :mod:`scanner.errors`, and name an argument as the command line does (``--source``).
``docs/notebook.md`` goes through a session.
"""

from scanner.app.backtesting import backtest
from scanner.app.configuring import settings
from scanner.app.confirming import confirm
from scanner.app.discounting import curve
from scanner.app.doctoring import doctor
from scanner.app.importing import import_chains
from scanner.app.looking import chain
from scanner.app.moves import moves
from scanner.app.replaying import replay
from scanner.app.reporting import report
from scanner.app.rulebook import check_rules, explain, fields, load_rules, new_rule, prove_rules
from scanner.app.scanning import scan
from scanner.app.series import history
from scanner.app.silencing import acknowledge, mute, silences, unmute
from scanner.app.simulating import simulate
from scanner.app.status import status
from scanner.app.stored import alert, alerts, exported, held_back, scoreboard, watchlist
from scanner.app.storing import prune_store, rebuild_store, store_info, verify_store
from scanner.app.structure import structure
from scanner.app.taping import tape
from scanner.frames import to_pandas, to_polars
from scanner.severity import Severity

__all__ = [
    "Severity",
    "acknowledge",
    "alert",
    "alerts",
    "backtest",
    "chain",
    "check_rules",
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
