"""`pilar doctor`: looks at everything that an instance needs, and says what is wrong."""

import asyncio
import json
import shutil
import stat
from collections.abc import AsyncIterator, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from app import house as composition
from app.cli_speech import command, out, sentences
from app.house import Settings
from planner.errors import PilarError
from planner.publications import Status
from store import figures, instance, migrating
from store.db import Store
from store.figures import Figures
from store.health import CLOCK_STOPPED_AFTER, SENDERS
from store.vault import KeyRing

LEAST_FREE_BYTES = 1_000_000_000
LATE_AFTER = timedelta(minutes=2)


class Verdict(StrEnum):
    """How one thing is: fine, worth knowing, or wrong."""

    FINE = "fine"
    NOTE = "note"
    WRONG = "wrong"


COLOURS = {Verdict.FINE: "green", Verdict.NOTE: "yellow", Verdict.WRONG: "bold red"}


@dataclass(frozen=True, slots=True)
class Finding:
    """What was looked at, and what was seen."""

    name: str
    verdict: Verdict
    detail: str


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Answer as JSON.")] = False,
) -> None:
    """Say what is wrong; exit with 1 if anything is."""
    found = asyncio.run(examine(datetime.now(UTC)))
    well = all(finding.verdict is not Verdict.WRONG for finding in found)
    if as_json:
        answer = {"ok": well, "findings": [asdict(finding) for finding in found]}
        typer.echo(json.dumps(answer, ensure_ascii=False, indent=2))
    else:
        width = max(len(finding.name) for finding in found)
        for finding in found:
            mark = f"[{COLOURS[finding.verdict]}]{finding.verdict:5}[/]"
            out.print(f"{mark}  {finding.name:{width}}  {escape(finding.detail)}")
    if not well:
        raise typer.Exit(1)


async def examine(now: datetime) -> list[Finding]:
    """Return what there is to say, in the order in which one thing needs the other."""
    return [finding async for finding in _findings(now)]


async def _findings(now: datetime) -> AsyncIterator[Finding]:
    try:
        settings = composition.read_settings()
    except PilarError as error:
        yield _wrong("settings", error)
        return
    yield _fine("settings", f"{settings.app.base_url}, data in {settings.store.data_dir.resolve()}")
    for finding in _folder(settings.store.data_dir):
        yield finding
        if finding.verdict is Verdict.WRONG:
            return
    try:
        store = instance.open_store(settings.store.url)
    except PilarError as error:
        yield _wrong("database", error)
        return
    try:
        async for finding in _database(store, settings, now):
            yield finding
    finally:
        await store.close()


def _folder(folder: Path) -> list[Finding]:
    if not folder.is_dir():
        said = f"{folder.resolve()} is not there yet: `{command('serve')}` makes it"
        return [Finding("data directory", Verdict.WRONG, said)]
    mode = stat.S_IMODE(folder.stat().st_mode)
    free = shutil.disk_usage(folder).free
    verdict = Verdict.NOTE if mode & 0o077 else Verdict.FINE
    said = f"mode {mode:04o}" + (": others may look inside (chmod 700)" if mode & 0o077 else "")
    enough = Verdict.FINE if free >= LEAST_FREE_BYTES else Verdict.WRONG
    return [
        Finding("data directory", verdict, said),
        Finding("disk", enough, f"{free / 1e9:.1f} GB free"),
    ]


async def _database(store: Store, settings: Settings, now: datetime) -> AsyncIterator[Finding]:
    if store.is_sqlite and not _is_file(store.url.database or ""):
        said = f"there is none yet: `{command('serve')}` makes it"
        yield Finding("database", Verdict.WRONG, said)
        return
    try:
        yield _fine("database", await instance.reach(store))
        await store.check()
        await migrating.check(store)
    except PilarError as error:
        yield _wrong("database", error)
        return
    yield _fine("revision", str(migrating.expected_revision()))
    yield await _keys(store, settings, now)
    async for finding in _work(store, now):
        yield finding


def _is_file(path: str) -> bool:
    return Path(path).is_file()


async def _keys(store: Store, settings: Settings, now: datetime) -> Finding:
    try:
        if not await instance.is_begun(store):
            return Finding("keys", Verdict.NOTE, "nothing was sealed with them yet")
        if settings.store.secret_keys:
            ring = KeyRing.parse(settings.store.secret_keys)
        elif settings.key_file.exists():
            ring = KeyRing.load_or_create(settings.key_file)
        else:
            said = f"{settings.key_file} is gone: bring it back from a backup"
            return Finding("keys", Verdict.WRONG, said)
        await instance.check_keys(store, ring, now)
    except PilarError as error:
        return _wrong("keys", error)
    return _fine("keys", "they open what was sealed")


async def _work(store: Store, now: datetime) -> AsyncIterator[Finding]:
    async with store.reading() as db:
        found = await figures.of(db, now)
        late = await instance.late(db, now)
        patients = await instance.patients(db)
    yield _clock(found.clock_at, now)
    yield _engine(store, found, now)
    if late is None:
        yield _fine("due", "nothing waits")
    else:
        ago = now - late.due_at
        verdict = Verdict.WRONG if ago > LATE_AFTER else Verdict.FINE
        said = f"{late.id} on {late.channel} waits since {_ago(ago)}"
        yield Finding("due", verdict, said)
    counted = ", ".join(f"{count} {state}" for state, count in found.by_status.items() if count)
    yield _fine("publications", counted or "none")
    for finding in _waits(found, now):
        yield finding
    for patient in patients:
        why = f" ({patient.reason})" if patient.reason else ""
        said = f"{patient.workspace}: {patient.name} is {patient.connection}{why}"
        yield Finding("channel", Verdict.WRONG, said)


def _engine(store: Store, found: Figures, now: datetime) -> Finding:
    """Return who publishes: the processes seen in the last minutes; on SQLite the server."""
    seen = ", ".join(f"{count} {role}" for role, count in sorted(found.workers.items()))
    if SENDERS & found.workers.keys():
        return _fine("engine", f"at work: {seen}")
    if store.is_sqlite and found.clock_at and now - found.clock_at <= CLOCK_STOPPED_AFTER:
        return _fine("engine", "the server publishes")
    by = f"`{command('serve')}`" + ("" if store.is_sqlite else f" or `{command('worker')}`")
    beside = f" (only {seen})" if seen else ""
    return Finding("engine", Verdict.WRONG, f"nobody publishes{beside}: start {by}")


def _waits(found: Figures, now: datetime) -> Iterator[Finding]:
    """Tell what keeps publications back, and what waits for a person; nothing of what is fine."""
    if found.restored_at:
        said = f"{_ago(now - found.restored_at)} ago, and nothing goes out: look at what was due"
        release = f"since the backup, then `{command('hold', '--release')}`"
        yield Finding("restored", Verdict.WRONG, f"{said} {release}")
    elif found.held_at:
        said = f"everything is held since {_ago(now - found.held_at)}: nothing goes out"
        yield Finding("holds", Verdict.NOTE, said)
    if found.holds:
        said = ", ".join(f"{count} of a {scope}" for scope, count in sorted(found.holds.items()))
        yield Finding("holds", Verdict.NOTE, f"standing: {said}")
    resting = {name: states["open"] for name, states in found.breakers.items() if states["open"]}
    if resting:
        said = ", ".join(f"{count} on {name}" for name, count in sorted(resting.items()))
        yield Finding("breakers", Verdict.WRONG, f"channels rest that were not served: {said}")
    if found.unknown:
        review = found.by_status[Status.NEEDS_REVIEW]
        said = f"{review} wait for a person's word, {found.unknown - review} are asked after"
        yield Finding("review", Verdict.NOTE, f"not known to be live or not: {said}")
    if found.deliveries["failed"]:
        said = f"{found.deliveries['failed']} were given up in the last 7 days"
        yield Finding("alerts", Verdict.WRONG, said)


def _clock(ticked_at: datetime | None, now: datetime) -> Finding:
    if ticked_at is None:
        said = f"it never ticked: nothing goes out without `{command('serve')}`"
        return Finding("clock", Verdict.WRONG, said)
    ago = now - ticked_at
    if ago > CLOCK_STOPPED_AFTER:
        said = f"it stopped {_ago(ago)} ago: nothing goes out without `{command('serve')}`"
        return Finding("clock", Verdict.WRONG, said)
    return _fine("clock", f"it ticked {_ago(ago)} ago")


def _ago(span: timedelta) -> str:
    seconds = max(0, int(span.total_seconds()))
    for unit, length in (("day", 86_400), ("hour", 3600), ("minute", 60)):
        if seconds >= length:
            count = seconds // length
            return f"{count} {unit}{'s' if count > 1 else ''}"
    return f"{seconds} seconds"


def _fine(name: str, detail: str) -> Finding:
    return Finding(name, Verdict.FINE, detail)


def _wrong(name: str, error: PilarError) -> Finding:
    return Finding(name, Verdict.WRONG, " ".join(line.strip() for line in sentences(error)))
