"""The steps from one schema of the state to the next, as alembic revisions; a revision's name is the schema it makes.

A change of ``tables.py`` is a new step: raise its ``SCHEMA_VERSION``, and add ``versions/revision_N_what_it_does.py``
whose ``upgrade`` makes N out of N - 1. A step names tables and columns itself, never those of ``tables.py``, which will
have moved on. It may rebuild a table (``op.batch_alter_table``): nothing that points to it is lost meanwhile.

The name stands in the table ``meta``, so that a state is opened without alembic. Importing this imports it.
"""

from pathlib import Path

from alembic.migration import MigrationContext
from alembic.operations import Operations
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

FOLDER = Path(__file__).parent


def upgrade(connection: Connection, version: int) -> None:
    """Take the tables from a schema, 0 for one without a name, to the newest, in the transaction that is open."""
    steps = ScriptDirectory(str(FOLDER)).iterate_revisions("head", str(version) if version else "base")
    with Operations.context(MigrationContext.configure(connection)):
        for step in reversed(list(steps)):
            step.module.upgrade()
