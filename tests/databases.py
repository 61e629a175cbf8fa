"""A PostgreSQL server of the tests' own, where the machine has one to start."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from psycopg import sql

WITH_PASSWORD = "keeper"


def missing() -> str | None:
    """What this machine lacks to run PostgreSQL tests, or None."""
    if shutil.which("initdb") is None or shutil.which("pg_ctl") is None:
        return "PostgreSQL (initdb, pg_ctl) is not installed"
    return None


@contextmanager
def server() -> Iterator[str]:
    """A server that only listens on a socket in its own folder; gives a function's worth of URL, the database left out.

    PostgreSQL refuses to run as root, so that root hands it to another user.
    """
    folder = Path(tempfile.mkdtemp(prefix="pg", dir="/tmp"))
    account = _account(folder)
    data = folder / "data"

    def run(*command: str | Path) -> None:
        subprocess.run(command, check=True, capture_output=True, timeout=120, user=account, cwd=folder)

    run("initdb", "-D", data, "-U", "scanner", "--auth=trust", "--no-sync")
    # The tests' own account needs no password; the one that they make for the program does.
    (data / "pg_hba.conf").write_text(f"local all {WITH_PASSWORD} scram-sha-256\nlocal all all trust\n", "utf-8")
    options = f"-k {folder} -c listen_addresses='' -c fsync=off"
    run("pg_ctl", "-D", data, "-w", "-o", options, "-l", folder / "log", "start")
    try:
        yield f"postgresql+psycopg://scanner@/{{name}}?host={folder}"
    finally:
        run("pg_ctl", "-D", data, "-m", "immediate", "stop")
        shutil.rmtree(folder, ignore_errors=True)


def new_database(url: str) -> str:
    """The URL of a fresh, empty database on a server."""
    name = f"test_{uuid.uuid4().hex}"
    with _administration(url) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    return url.format(name=name)


def new_database_of_its_own(url: str, password: str) -> str:
    """The URL of a fresh database of the account that needs a password, which is left out."""
    with _administration(url) as connection:
        account, name = sql.Identifier(WITH_PASSWORD), sql.Identifier(f"{WITH_PASSWORD}_data")
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {}").format(name))
        connection.execute(sql.SQL("DROP ROLE IF EXISTS {}").format(account))
        connection.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(account, sql.Literal(password)))
        connection.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(name, account))
    return url.format(name=f"{WITH_PASSWORD}_data").replace("scanner@", f"{WITH_PASSWORD}@").replace("+psycopg", "")


def _administration(url: str) -> psycopg.Connection:
    return psycopg.connect(url.format(name="postgres").replace("+psycopg", ""), autocommit=True)


def _account(folder: Path) -> int | None:
    if os.geteuid() != 0:
        return None
    known = {entry.pw_name: entry for entry in pwd.getpwall()}
    entry = known.get("postgres") or known["nobody"]
    os.chown(folder, entry.pw_uid, entry.pw_gid)
    return entry.pw_uid
