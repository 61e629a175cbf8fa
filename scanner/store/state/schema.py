"""Which schema a database's tables have, and how they come to have this program's."""

from __future__ import annotations

from sqlalchemy import Connection, inspect
from sqlalchemy.orm import Session

from scanner.errors import StoreError
from scanner.store.state.tables import SCHEMA_VERSION, MetaRow, Table

_VERSION = "schema_version"


def found(connection: Connection, place: str) -> int | None:
    """The schema that a database holds: None where there is no table of ours, 0 where nothing says which it is.

    ``place`` is the database as people know it. Raises StoreError where the schema's place holds no number.
    """
    there = set(inspect(connection).get_table_names())
    if there.isdisjoint(Table.metadata.tables):
        return None
    with Session(connection) as session:
        row = session.get(MetaRow, _VERSION) if MetaRow.__tablename__ in there else None
    if row is None:
        return 0
    if not row.value.isdecimal():
        raise StoreError(f"{place} has schema {row.value!r}, which no version of scanner writes. {_NEW_ONE}")
    return int(row.value)


def is_old(version: int | None) -> bool:
    """Whether a schema is behind this program's, or none is there yet."""
    return version is None or version < SCHEMA_VERSION


def bring_up(connection: Connection, version: int | None) -> None:
    """Make the tables, or take those of an older schema to this one, in the transaction that is open."""
    if version is None:
        Table.metadata.create_all(connection)
    else:
        from scanner.store.state import migrations

        migrations.upgrade(connection, version)
    with Session(connection) as session:
        session.merge(MetaRow(name=_VERSION, value=str(SCHEMA_VERSION)))
        session.flush()


def must_be_current(version: int | None, place: str) -> None:
    """Raise StoreError, with what to do, where a database's schema is not this program's."""
    if not version:
        raise StoreError(f"{place} holds no state yet, and was opened read-only. Run `scanner scan` first.")
    if version < SCHEMA_VERSION:
        raise StoreError(
            f"{place} was written by an older version of scanner (schema {version}, this one uses {SCHEMA_VERSION}) "
            "and was opened read-only. Run `scanner store verify` once: it brings it up to date and loses nothing."
        )
    if version > SCHEMA_VERSION:
        raise StoreError(
            f"{place} was written by a newer version of scanner (schema {version}, this one knows those up to "
            f"{SCHEMA_VERSION}). Upgrade scanner. {_NEW_ONE}"
        )


_NEW_ONE = "To begin a new state instead, move this one away, or give another --store."
