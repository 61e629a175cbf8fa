"""Every run of the schedule, what is silenced, messages on their way, and what became of flagged contracts."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "4"
down_revision = "3"

_MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Make the tables and their indexes."""
    _make(
        "job_runs",
        sa.Column("run_id", sa.Integer(), primary_key=True),
        _column("name", sa.String(128)),
        _column("task", sa.String(16)),
        _column("due_at", _MOMENT),
        _column("started_at", _MOMENT),
        _column("finished_at", _MOMENT, nullable=True),
        _column("outcome", sa.String(16)),
        _column("message", sa.String(), nullable=True),
        _column("figures", sa.JSON()),
        indexed=("name", "started_at"),
    )
    _make(
        "silences",
        sa.Column("silence_id", sa.String(32), primary_key=True),
        _column("kind", sa.String(8)),
        _column("subject", sa.String(16)),
        _column("value", sa.String(256)),
        _column("since", _MOMENT),
        _column("until", _MOMENT, nullable=True),
    )
    _make(
        "outbox",
        sa.Column("message_id", sa.String(64), primary_key=True),
        _column("output", sa.String(64)),
        _column("kind", sa.String(16)),
        _column("alert_id", sa.String(32), nullable=True),
        _column("severity", sa.String(16)),
        _column("document", sa.JSON()),
        _column("created_at", _MOMENT),
        _column("due_at", _MOMENT),
        _column("attempts", sa.Integer()),
        _column("status", sa.String(16)),
        _column("settled_at", _MOMENT, nullable=True),
        _column("problem", sa.String(), nullable=True),
        indexed=("output", "due_at", "status"),
    )
    _make(
        "followed",
        _of_an_alert(),
        sa.Column("contract", sa.String(32), primary_key=True),
        sa.Column("session_date", sa.Date(), primary_key=True),
        _column("open_interest", sa.Integer(), nullable=True),
        *(_column(name, sa.Double(), nullable=True) for name in ("bid", "ask", "last", "iv", "spot")),
    )
    _make(
        "outcomes",
        _of_an_alert(),
        sa.Column("session_date", sa.Date(), primary_key=True),
        sa.Column("horizon", sa.Integer(), primary_key=True, autoincrement=False),
        _column("figures", sa.JSON()),
        _column("matched", sa.JSON()),
    )


def _make(name: str, *columns: sa.Column[Any], indexed: tuple[str, ...] = ()) -> None:
    op.create_table(name, *columns, if_not_exists=True)
    for column in indexed:
        op.create_index(f"ix_{name}_{column}", name, [column], if_not_exists=True)


def _column(name: str, kind: sa.types.TypeEngine[Any], *, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=nullable)


def _of_an_alert() -> sa.Column[Any]:
    alert = sa.ForeignKey("alerts.alert_id", ondelete="CASCADE")
    return sa.Column("alert_id", sa.String(32), alert, primary_key=True)
