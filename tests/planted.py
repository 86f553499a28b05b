"""Planted secrets: how each may hide, and all that a database's files or tables hold."""

import base64
import json
import secrets
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import quote

import psycopg
from psycopg import sql

from store.db import Store

FILES = ("", "-wal", "-shm")
"""What SQLite writes, after the name of the file."""

EVERY_TABLE = """
SELECT schemaname, tablename FROM pg_tables
WHERE schemaname NOT IN ('pg_catalog', 'information_schema') ORDER BY 1, 2
"""


def fresh(kind: str) -> str:
    """Return a secret nobody could meet by chance."""
    return f"{kind}-{secrets.token_hex(10)}"


def disguises(secret: str) -> Iterator[tuple[str, str]]:
    """Tell how a secret may look: plain or backwards, hex, in a URL, in JSON, in base64."""
    raw = secret.encode()
    yield "plain", secret
    yield "backwards", secret[::-1]
    yield "hex", raw.hex()
    yield "url", quote(secret, safe="")
    yield "every character in the url", "".join(f"%{byte:02X}" for byte in raw)
    yield "json", json.dumps(secret)[1:-1]
    yield "every character in json", "".join(f"\\u{ord(each):04x}" for each in secret)
    for before in range(3):  # base64 looks different wherever it begins
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            # Only the characters that no neighbour has a part in.
            known = encode(b"\0" * before + raw)[(0, 2, 3)[before] :].rstrip(b"=")
            yield "base64", known[: len(known) - 1].decode()


def found(planted: Mapping[str, str], places: Mapping[str, str]) -> list[str]:
    """Return which secret was found where, and how it looked."""
    lower = {place: text.lower() for place, text in places.items()}
    return sorted(
        {
            f"{name} in {place} as {form}"
            for name, secret in planted.items()
            for form, looks in disguises(secret)
            for place, text in lower.items()
            if looks.lower() in text
        }
    )


def everything_written(store: Store) -> str:
    """Return what a thief of the database has: SQLite's files, or a copy of every table."""
    if store.is_sqlite:
        file = Path(store.url.database or "")
        parts = [file.with_name(file.name + end) for end in FILES]
        return "".join(part.read_bytes().decode("latin-1") for part in parts if part.exists())
    address = store.url.set(drivername="postgresql").render_as_string(hide_password=False)
    told = []
    with psycopg.connect(address) as connection:
        for name in connection.execute(EVERY_TABLE).fetchall():
            told.append(".".join(name))
            copying = sql.SQL("COPY {} TO STDOUT").format(sql.Identifier(*name))
            with connection.cursor().copy(copying) as rows:
                told += [bytes(row).decode() for row in rows]
    return "\n".join(told)
