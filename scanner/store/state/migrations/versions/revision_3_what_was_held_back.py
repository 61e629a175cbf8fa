"""What did not become an alert is kept as whole as what did, so that a person can look at it with the same evidence."""

import sqlalchemy as sa
from alembic import op

revision = "3"
down_revision = "2"


def upgrade() -> None:
    """Add the column; what was held back before has nothing in it."""
    there = {column["name"] for column in sa.inspect(op.get_bind()).get_columns("held_back")}
    if "document" not in there:
        op.add_column("held_back", sa.Column("document", sa.JSON(), nullable=True))
