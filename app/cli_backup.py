"""`pilar backup` and `pilar restore`: a copy while the server runs, and the way back from it."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from app import house as composition
from app.cli_progress import MEGABYTE, Progressing
from app.cli_speech import command, say
from app.house import Settings
from planner.errors import PilarError
from schedulers.connectors import connectors
from schedulers.outbound import Outbound
from store import backups, instance, manifest, replacing
from store.db import Store
from store.manifest import Manifest
from store.replacing import Place, Restored
from store.vault import KeyRing

SHOWN_MISSING = 20
Folder = Annotated[Path, typer.Argument(help="The backup's folder.")]
AsJson = Annotated[bool, typer.Option("--json", help="Answer as JSON.")]


class KeysGone(PilarError):
    """There are no keys here that could open what the backup holds."""


def backup(
    directory: Annotated[Path, typer.Argument(help="A new folder for the backup.")],
    media: Annotated[
        bool, typer.Option("--media/--no-media", help="Whether the files come along.")
    ] = True,
    as_json: AsJson = False,
) -> None:
    """Back up the database and media, while the server runs or not; never the keys."""
    settings = composition.read_settings()
    with Progressing() as told:
        kept = asyncio.run(_backup(settings, directory, told, media=media))
    if as_json:
        typer.echo(json.dumps(_facts(directory, kept), ensure_ascii=False, indent=2))
        return
    say(f"The database ({kept.bytes / MEGABYTE:.1f} MB) is in {directory}.")
    if media:
        say(f"{_files(len(kept.media) - len(kept.missing))} came along.")
    else:
        say(f"{_files(len(kept.media))} did not come along (--no-media): keep them apart.")
    _list_missing(kept.missing, "gone already: a restore will not bring them back")
    say(f"The keys are not in it: keep a copy of {_keys(settings)} in another place.")


def restore(
    directory: Folder,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask whether to go on.")] = False,
    replace: Annotated[
        bool, typer.Option("--replace", help="On PostgreSQL: let go of what is there.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Bring a backup back in place of the database; publishing then waits for a person."""
    settings = composition.read_settings()
    kept = manifest.read(directory)
    store = instance.open_store(settings.store.url)
    replacing.check_fits(store, kept)
    if not yes:
        database = store.url.render_as_string(hide_password=True)
        say(f"{_said(kept)}\nIt takes the place of what is in {database}.")
        typer.confirm("Go on?", abort=True, err=True)
    with Progressing() as told:
        done = asyncio.run(_restore(settings, store, directory, kept, told, replace=replace))
    if as_json:
        typer.echo(json.dumps(_answer(kept, done), ensure_ascii=False, indent=2))
    else:
        _tell(kept, done)


async def _backup(
    settings: Settings, directory: Path, told: Progressing, *, media: bool
) -> Manifest:
    store = instance.open_store(settings.store.url)
    async with _closing(store):
        backups.check_there(store)
        await instance.reach(store)
        await store.check()
        now = datetime.now(UTC)
        folder = settings.store.data_dir / "media"
        return await backups.take(store, folder, directory, now, told, with_media=media)


async def _restore(
    settings: Settings,
    store: Store,
    directory: Path,
    kept: Manifest,
    told: Progressing,
    *,
    replace: bool,
) -> Restored:
    async with _closing(store), _asking() as asks:
        composition.prepare_folder(settings.store.data_dir)
        if not store.is_sqlite:
            await instance.reach(store)
            await store.check()
        data = settings.store.data_dir
        place = Place(store, _ring(settings, kept), data / "media", data / "incoming", asks)
        now = datetime.now(UTC)
        return await replacing.restore(place, directory, kept, now, told, replace=replace)


@asynccontextmanager
async def _closing(store: Store) -> AsyncIterator[None]:
    try:
        yield
    finally:
        await store.close()


@asynccontextmanager
async def _asking() -> AsyncIterator[frozenset[str]]:
    """Give the platforms that can be asked, by reading only, whether something is live."""
    outbound = Outbound(allow_private_hosts=frozenset())
    try:
        found = connectors(outbound).items()
        yield frozenset(name for name, each in found if hasattr(each, "reconcile"))
    finally:
        await outbound.aclose()


def _ring(settings: Settings, kept: Manifest) -> KeyRing | None:
    """Return the keys that are here; never makes new ones where the backup needs those of old."""
    if settings.store.secret_keys or settings.key_file.exists():
        return composition.key_ring(settings)
    if kept.sealed_check is not None:
        raise KeysGone(path=str(settings.key_file))
    return None


def _facts(directory: Path, kept: Manifest) -> dict[str, Any]:
    return {
        "directory": str(directory),
        "taken_at": kept.taken_at.isoformat(),
        "database": kept.database,
        "revision": kept.revision,
        "bytes": kept.bytes,
        "sha256": kept.sha256,
        "workspaces": list(kept.workspaces),
        "media": {
            "files": len(kept.media),
            "bytes": sum(blob.bytes for blob in kept.media),
            "copied": kept.has_media,
            "missing": list(kept.missing),
        },
        "keys": False,
    }


def _answer(kept: Manifest, done: Restored) -> dict[str, Any]:
    return {
        "taken_at": kept.taken_at.isoformat(),
        "revision": kept.revision,
        "workspaces": list(kept.workspaces),
        "put_aside": str(done.put_aside) if done.put_aside else None,
        "media": {"brought_back": done.media_back, "missing": list(done.media_missing)},
        "publications": {
            "needs_review": done.epoch.review,
            "unproved": done.epoch.unproved,
            "missed": done.epoch.missed,
        },
        "held": True,
    }


def _tell(kept: Manifest, done: Restored) -> None:
    say(f"The database is as it was at {kept.taken_at.isoformat(timespec='seconds')}.")
    if done.put_aside:
        say(f"The one of before is kept as {done.put_aside}.")
    if done.media_back:
        say(f"{_files(done.media_back)} came back.")
    _list_missing(done.media_missing, "missing: posts that show them fail with media_missing")
    say(
        f"\nWhat was due since then may have gone out: {done.epoch.review} to be looked at by a "
        f"person, {done.epoch.unproved} proved before they are sent, {done.epoch.missed} missed."
    )
    say("Nothing goes out until you have looked and say so:")
    say(f"  {command('hold', '--release')}")


def _said(kept: Manifest) -> str:
    count = len(kept.workspaces)
    return (
        f"The backup of {kept.taken_at.isoformat(timespec='seconds')} holds {count} "
        f"workspace{'' if count == 1 else 's'}."
    )


def _list_missing(missing: tuple[str, ...], what: str) -> None:
    if missing:
        say(f"{_files(len(missing))} {'is' if len(missing) == 1 else 'are'} {what}.")
        for sha256 in missing[:SHOWN_MISSING]:
            say(f"  {sha256}")
        if len(missing) > SHOWN_MISSING:
            say(f"  and {len(missing) - SHOWN_MISSING} more (--json lists all)")


def _files(count: int) -> str:
    return f"{count} file{'' if count == 1 else 's'}"


def _keys(settings: Settings) -> str:
    return "PILAR_SECRET_KEYS" if settings.store.secret_keys else str(settings.key_file)
