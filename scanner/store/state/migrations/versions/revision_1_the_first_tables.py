"""The tables of the first version; what an unfinished start has made of them already is left as it is."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "1"
down_revision = None

_MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Make the tables and their indexes."""
    _table("meta", _key("name", sa.String(64)), _column("value", sa.String()))
    _table(
        "runs",
        _key("run_id", sa.String(64)),
        _column("as_of", _MOMENT),
        _column("session_date", sa.Date()),
        _column("source", sa.String(64)),
        _column("simulated", sa.Boolean()),
        _column("document", sa.JSON()),
        _column("problems", sa.JSON()),
        _column("held_back", sa.JSON()),
    )
    _index("runs", "as_of", "session_date")
    _table(
        "alerts",
        _key("alert_id", sa.String(32)),
        _column("rule_id", sa.String(128)),
        _column("identity", sa.String(256)),
        _column("simulated", sa.Boolean()),
        _column("underlying", sa.String(32), nullable=True),
        _column("severity", sa.String(16)),
        _column("status", sa.String(16)),
        _column("session_date", sa.Date()),
        _column("first_session", sa.Date()),
        _column("first_seen", _MOMENT),
        _column("last_seen", _MOMENT),
        _column("updated_at", _MOMENT),
        _column("document", sa.JSON()),
    )
    _index("alerts", "rule_id", "underlying", "session_date", "first_session", "first_seen", "last_seen", "updated_at")
    op.create_index("alerts_key", "alerts", ["rule_id", "identity", "simulated"], if_not_exists=True)
    _table(
        "alert_updates",
        _of_an_alert(),
        _key("seen_at", _MOMENT),
        _column("run_id", sa.String(64), nullable=True),
        _column("event", sa.String(16)),
        _column("episode", sa.JSON()),
        _column("document", sa.JSON()),
    )
    _table(
        "sightings",
        _key("rule_id", sa.String(128)),
        _key("identity", sa.String(256)),
        _key("simulated", sa.Boolean()),
        _column("underlying", sa.String(32), nullable=True),
        _column("since", _MOMENT),
        _column("last_seen", _MOMENT),
        _column("scans", sa.Integer()),
    )
    _table(
        "held_back",
        _key("run_id", sa.String(64)),
        _key("rule_id", sa.String(128)),
        _key("identity", sa.String(256)),
        _column("underlying", sa.String(32), nullable=True),
        _column("severity", sa.String(16)),
        _column("score", sa.Double(), nullable=True),
        _column("reason", sa.String(32)),
        _column("message", sa.String()),
    )
    _table(
        "not_judged",
        _key("row_id", sa.Integer()),
        _column("run_id", sa.String(64)),
        _column("rule_id", sa.String(128)),
        _column("underlying", sa.String(32), nullable=True),
        _column("reasons", sa.JSON()),
        _column("count", sa.Integer()),
    )
    _index("not_judged", "run_id")
    _table(
        "flagged",
        _of_an_alert(),
        _key("session_date", sa.Date()),
        _key("contract", sa.String(32)),
        _column("rule_id", sa.String(128)),
        _column("underlying", sa.String(32), nullable=True),
        _column("simulated", sa.Boolean()),
        _column("expiry", sa.Date(), nullable=True),
        _column("flagged_at", _MOMENT),
        _column("volume", sa.Integer(), nullable=True),
        _column("open_interest", sa.Integer(), nullable=True),
        _column("oi_asof", sa.Date(), nullable=True),
        _column("outcome", sa.String(16)),
        _column("opened", sa.Integer(), nullable=True),
        _column("decided_at", _MOMENT, nullable=True),
        _column("matched_share", sa.Double(), nullable=True),
    )
    _index("flagged", "rule_id", "outcome")
    _table(
        "calibration",
        _key("source", sa.String(64)),
        _key("session_date", sa.Date()),
        _key("channel", sa.String(64)),
        _key("nominal", sa.Double()),
        _column("realised", sa.Double(), nullable=True),
        _column("count", sa.Integer()),
        _column("calculation_version", sa.String(64)),
    )
    _table(
        "jobs",
        _key("name", sa.String(128)),
        _column("started_at", _MOMENT),
        _column("finished_at", _MOMENT, nullable=True),
        _column("outcome", sa.String(32), nullable=True),
        _column("message", sa.String(), nullable=True),
    )


def _table(name: str, *columns: sa.Column[Any]) -> None:
    op.create_table(name, *columns, if_not_exists=True)


def _index(table: str, *columns: str) -> None:
    for column in columns:
        op.create_index(f"ix_{table}_{column}", table, [column], if_not_exists=True)


def _column(name: str, kind: sa.types.TypeEngine[Any], *, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=nullable)


def _key(name: str, kind: sa.types.TypeEngine[Any]) -> sa.Column[Any]:
    return sa.Column(name, kind, primary_key=True)


def _of_an_alert() -> sa.Column[Any]:
    alert = sa.ForeignKey("alerts.alert_id", ondelete="CASCADE")
    return sa.Column("alert_id", sa.String(32), alert, primary_key=True)
