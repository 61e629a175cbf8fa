"""Earlier looks at a session are found by its date, which every scan asks for; before, all looks were read through.

States of the first days have no table of looks at all.
"""

import sqlalchemy as sa
from alembic import op

revision = "2"
down_revision = "1"


def upgrade() -> None:
    """Make the table where it is missing, and the index."""
    op.create_table(
        "looks",
        sa.Column("source", sa.String(64), primary_key=True),
        sa.Column("session_date", sa.Date(), primary_key=True),
        sa.Column("underlying", sa.String(32), primary_key=True),
        sa.Column("quote_time", sa.DateTime(timezone=True), primary_key=True),
        sa.Column("surprises", sa.JSON(), nullable=False),
        if_not_exists=True,
    )
    op.create_index("ix_looks_session_date", "looks", ["session_date"], if_not_exists=True)
