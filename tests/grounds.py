"""The database that the tests of a process take turns in: emptied, and furnished, in a moment.

On SQLite it is a file that each test gets anew under the same name, on PostgreSQL a database
that is emptied. Engines are kept with it: what they compiled serves the next test too.
"""

import asyncio
import copy
import shutil
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Protocol

import psycopg
from psycopg import sql

from store.db import Store
from tests.postgres import Server

Rows = dict[str, Any]
"""The rows of each table that has any, as the database's driver takes them back."""

EMPTY = """
DO $$
DECLARE name text;
BEGIN
    PERFORM pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid();
    SET LOCAL session_replication_role = replica;
    FOR name IN
        SELECT format('%I.%I', schemaname, tablename) FROM pg_tables
        WHERE schemaname IN ('public', 'procrastinate') AND tablename <> 'alembic_version'
    LOOP
        EXECUTE 'DELETE FROM ' || name;
    END LOOP;
END $$
"""

TABLES = """
SELECT tablename FROM pg_tables
WHERE schemaname = 'public' AND tablename <> 'alembic_version' ORDER BY tablename
"""


class Ground(Protocol):
    """Where the rows of one test after the other lie."""

    @property
    def url(self) -> str: ...
    def clear(self) -> None: ...

    def rows(self) -> Rows: ...

    def put_back(self, rows: Rows) -> None: ...


@dataclass
class File:
    """A file of SQLite, and the migrated one that it is a copy of."""

    path: Path
    migrated: Path

    @property
    def url(self) -> str:
        return f"sqlite+aiosqlite:///{self.path}"

    def clear(self) -> None:
        """Put an empty file in the place of the last one, which whoever has it open keeps."""
        for name in ("", "-wal", "-shm", ".lock"):
            self.path.with_name(self.path.name + name).unlink(missing_ok=True)
        shutil.copy(self.migrated, self.path)

    def rows(self) -> Rows:
        """Return what is there, but for the revision."""
        names = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
        with closing(sqlite3.connect(self.path)) as connection:
            tables = [name for (name,) in connection.execute(names) if name != "alembic_version"]
            known = {
                each: connection.execute(f"SELECT * FROM {each}").fetchall()  # noqa: S608
                for each in tables
            }
        return {table: rows for table, rows in known.items() if rows}

    def put_back(self, rows: Rows) -> None:
        """Add rows that were there once."""
        with closing(sqlite3.connect(self.path)) as connection, connection:
            connection.execute("PRAGMA synchronous=OFF")
            for table, lines in rows.items():
                marks = ",".join("?" * len(lines[0]))
                into = f"INSERT INTO {table} VALUES ({marks})"  # noqa: S608
                connection.executemany(into, lines)


class Database:
    """A database of PostgreSQL, over a connection that knows its tables: a new one takes long."""

    def __init__(self, server: Server, name: str) -> None:
        self.url = server.url(name)
        self._server, self._name = server, name
        self._connection = server.connect(name)

    def clear(self) -> None:
        """Delete every row, and end whoever else is connected.

        Needs a superuser, since it looks past foreign keys and triggers. A test may have ended
        every session, and this one with them.
        """
        try:
            self._connection.execute(EMPTY)
        except psycopg.OperationalError:
            self._connection.close()
            self._connection = self._server.connect(self._name)
            self._connection.execute(EMPTY)

    def rows(self) -> Rows:
        """Return what is there, but for the revision and the queue."""
        known = {}
        for (name,) in self._connection.execute(TABLES).fetchall():
            if self._connection.execute(self._about("SELECT FROM {} LIMIT 1", name)).rowcount:
                out = self._about("COPY {} TO STDOUT (FORMAT binary)", name)
                with self._connection.cursor().copy(out) as lines:
                    known[name] = b"".join(lines)
        return known

    def put_back(self, rows: Rows) -> None:
        """Add rows that were there once."""
        with self._connection.transaction():
            self._connection.execute("SET LOCAL session_replication_role = replica")
            for name, lines in rows.items():
                into = self._about("COPY {} FROM STDIN (FORMAT binary)", name)
                with self._connection.cursor().copy(into) as copying:
                    copying.write(lines)

    def close(self) -> None:
        self._connection.close()

    def _about(self, statement: str, table: str) -> sql.Composed:
        return sql.SQL(statement).format(sql.Identifier(table))


@cache
def _store_of(url: str) -> Store:
    return Store(url)


def store_at(url: str) -> Store:
    """Return a store that nobody listens to, on the engines that the last one closed."""
    store = copy.copy(_store_of(url))
    store._listeners = []
    if store.is_sqlite:
        store._write_lock = asyncio.Lock()
    return store
