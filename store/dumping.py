"""PostgreSQL's own programs: found, and run so that no password is seen."""

import asyncio
import contextlib
import os
import re
import shutil
import tempfile
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from psycopg import sql
from psycopg.pq import Conninfo

from planner.errors import PilarError
from store.manifest import Told
from store.queued import SCHEMA as QUEUE

PROGRAMS = ("pg_dump", "pg_restore", "psql")
PIPED_BYTES = 256 * 1024
LOOK_SECONDS = 0.2
LOCK_MILLISECONDS = 30_000

EMPTY = sql.SQL("""
DO $$
DECLARE command text;
BEGIN
    FOR command IN
        SELECT format('DROP %s IF EXISTS %s CASCADE', kind, name) FROM (
            SELECT 'pg_class'::regclass AS catalog, oid, oid::regclass::text AS name, CASE relkind
                WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW' WHEN 'S' THEN 'SEQUENCE'
                ELSE 'TABLE' END AS kind
            FROM pg_class
            WHERE relnamespace = {main}::regnamespace AND relkind IN ('r', 'p', 'v', 'm', 'S')
            UNION ALL
            SELECT 'pg_proc'::regclass, oid, oid::regprocedure::text, 'ROUTINE' FROM pg_proc
            WHERE pronamespace = {main}::regnamespace
            UNION ALL
            SELECT 'pg_type'::regclass, oid, oid::regtype::text, 'TYPE' FROM pg_type
            WHERE typnamespace = {main}::regnamespace AND typtype IN ('e', 'd')
        ) found
        WHERE NOT EXISTS (  -- what an extension brought stays
            SELECT FROM pg_depend
            WHERE classid = catalog AND objid = found.oid AND deptype = 'e'
        )
    LOOP
        EXECUTE command;
    END LOOP;
END $$;
DROP SCHEMA IF EXISTS {queue} CASCADE;
""")

UNSTAMP = sql.SQL("DELETE FROM {main}.alembic_version;\n")
"""Without a revision no Pilar works on the database, until the restore is complete."""

ALONE = """
DO $$
BEGIN
    FOR attempt IN 1..50 LOOP
        PERFORM pg_stat_clear_snapshot();
        IF NOT EXISTS (
            SELECT FROM pg_stat_activity WHERE datname = current_database()
            AND pid <> pg_backend_pid() AND backend_type = 'client backend'
        ) THEN
            RETURN;
        END IF;
        PERFORM pg_sleep(0.1);
    END LOOP;
    RAISE EXCEPTION 'somebody has connected to the database in the meantime';
END $$;
"""


class ToolsMissing(PilarError):
    """PostgreSQL's client programs are not here, or are older than the server or the backup."""


class ToolFailed(PilarError):
    """One of PostgreSQL's programs did not do its work; `facts["why"]` is what it said last."""


@dataclass(frozen=True, slots=True)
class Tools:
    """A folder with pg_dump, pg_restore and psql, of one major version."""

    folder: Path
    major: int


async def tools(least: int) -> Tools:
    """Return PostgreSQL's programs, at least of a major version; raises `ToolsMissing`.

    Those on the PATH come first, then Debian's, newest first.
    """
    for folder in _folders():
        if all((folder / name).is_file() for name in PROGRAMS):
            major = await _major(folder)
            if major >= least:
                return Tools(folder, major)
    raise ToolsMissing(least=least)


def _folders() -> list[Path]:
    # Debian's /usr/bin/pg_dump is a script that picks a version by its own rules.
    on_path = shutil.which("pg_dump")
    real = Path(on_path).resolve() if on_path else None
    first = [real.parent] if real and real.name == "pg_dump" else []
    debian = [
        folder
        for folder in Path("/usr/lib/postgresql").glob("*/bin")
        if folder.parent.name.isdigit()
    ]
    return first + sorted(debian, key=lambda folder: int(folder.parent.name), reverse=True)


async def _major(folder: Path) -> int:
    process = await asyncio.create_subprocess_exec(
        folder / "pg_dump", "--version", stdin=DEVNULL, stdout=PIPE, stderr=DEVNULL
    )
    said, _ = await process.communicate()
    found = re.search(rb"\) (\d+)", said)
    return int(found[1]) if found else 0


def environment(arguments: Mapping[str, Any]) -> dict[str, str]:
    """Return the environment in which libpq connects as psycopg does with these arguments.

    A command line is seen by everybody on the machine, an environment by its owner.
    """
    names = {
        option.keyword.decode(): option.envvar.decode()
        for option in Conninfo.get_defaults()
        if option.envvar
    }
    given = {names[key]: str(value) for key, value in arguments.items() if key in names}
    return {**os.environ, **given, "LC_MESSAGES": "C"}


async def dump(
    found: Tools, arguments: Mapping[str, Any], main: str, snapshot: str, to: Path, told: Told
) -> None:
    """Write what a snapshot shows of Pilar's schemas into a file that is there.

    Raises `ToolFailed`. The queue goes without its jobs: the rows are the schedule, and are
    dispatched again.
    """
    options = [
        "--format=custom",
        f"--snapshot={snapshot}",
        f"--lock-wait-timeout={LOCK_MILLISECONDS}",
        f"--schema={_exactly(main)}",
        f"--schema={QUEUE}",
        f"--exclude-table-data={QUEUE}.*",
        f"--file={to}",
        "--no-password",
    ]
    async with _running(found, "pg_dump", options, arguments, stdin=DEVNULL) as process:
        said = asyncio.create_task(_last_words(process))
        ending = asyncio.create_task(process.wait())
        while not ending.done():
            told("database", _size(to), None)
            await asyncio.wait({ending}, timeout=LOOK_SECONDS)
        _insist("pg_dump", process, await said)


async def load(
    found: Tools,
    arguments: Mapping[str, Any],
    main: str,
    dumped: Path,
    told: Told,
    *,
    empty_first: bool,
) -> None:
    """Bring a dump into the database in one transaction, without its revision; or change nothing.

    Raises `ToolFailed`: then, and when this process is killed, the database is as it was.
    """
    with tempfile.NamedTemporaryFile(prefix="pilar-contents-") as contents:
        contents.write(await _contents(found, dumped, main))
        contents.flush()
        listed = f"--use-list={contents.name}"
        restoring = ["--no-owner", "--no-acl", listed, "--file=-", str(dumped)]
        running = ["--no-psqlrc", "--quiet", "--no-password", "--set=ON_ERROR_STOP=1"]
        async with (
            _running(found, "pg_restore", restoring, {}, stdin=DEVNULL) as source,
            _running(found, "psql", running, arguments, stdin=PIPE) as target,
        ):
            await _pour(source, target, main, told, empty_first=empty_first)


async def _pour(
    source: Process, target: Process, main: str, told: Told, *, empty_first: bool
) -> None:
    if source.stdout is None or target.stdin is None:
        raise ValueError("not piped")
    words = [asyncio.create_task(_last_words(each)) for each in (source, target)]
    names = {"main": sql.Literal(_exactly(main)), "queue": sql.Identifier(QUEUE)}
    before = EMPTY.format(**names).as_string() if empty_first else ""
    after = UNSTAMP.format(main=sql.Identifier(main)).as_string()
    done = 0
    # psql ends early where a statement fails; what it said is told below.
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        target.stdin.write(f"SET client_min_messages = warning;\nBEGIN;\n{before}".encode())
        while chunk := await source.stdout.read(PIPED_BYTES):
            target.stdin.write(chunk)
            await target.stdin.drain()
            done += len(chunk)
            told("database", done, None)
        await source.wait()
        if source.returncode == 0:  # without COMMIT nothing of it stays
            target.stdin.write(f"\n{after}{ALONE}COMMIT;\n".encode())
        await target.stdin.drain()
    target.stdin.close()
    await target.wait()
    if target.returncode != 0:
        raise ToolFailed(program="psql", why=await words[1])
    await source.wait()
    _insist("pg_restore", source, await words[0])


async def _contents(found: Tools, dumped: Path, main: str) -> bytes:
    """Return the list of what a dump holds, without the main schema, which is there."""
    async with _running(found, "pg_restore", ["--list", str(dumped)], {}, stdin=DEVNULL) as process:
        listed, said = await process.communicate()
        _insist("pg_restore", process, _end_of(said))
    made = re.compile(rb"\d+; \d+ \d+ (SCHEMA - |COMMENT - SCHEMA )" + re.escape(main.encode()))
    return b"".join(line for line in listed.splitlines(True) if not made.match(line))


@asynccontextmanager
async def _running(
    found: Tools, name: str, options: list[str], arguments: Mapping[str, Any], *, stdin: int
) -> AsyncIterator[Process]:
    process = await asyncio.create_subprocess_exec(
        found.folder / name,
        *options,
        stdin=stdin,
        stdout=PIPE,
        stderr=PIPE,
        env=environment(arguments),
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def _last_words(process: Process) -> str:
    if process.stderr is None:
        raise ValueError("not piped")
    return _end_of(await process.stderr.read())


def _end_of(said: bytes) -> str:
    lines = [line for line in said.decode("utf-8", "replace").splitlines() if line.strip()]
    return " ".join(lines[-3:])[-500:]


def _insist(program: str, process: Process, said: str) -> None:
    if process.returncode != 0:
        raise ToolFailed(program=program, why=said or f"it ended with {process.returncode}")


def _size(path: Path) -> int:
    return path.stat().st_size


def _exactly(name: str) -> str:
    """Return a pattern of pg_dump's that means this name alone."""
    return '"' + name.replace('"', '""') + '"'
