"""The state: alerts with their history, runs, confirmations and jobs, in SQLite or PostgreSQL.

``State.open(place)`` opens it, ``state.read()`` and ``state.write()`` give a :class:`Ledger` for one transaction.
"""

from scanner.activity.record import Calibration
from scanner.store.state.database import FILE_NAME, State, is_whole, set_aside
from scanner.store.state.ledger import Ledger, Update
from scanner.store.state.records import Job, JobRun

__all__ = ["FILE_NAME", "Calibration", "Job", "JobRun", "Ledger", "State", "Update", "is_whole", "set_aside"]
