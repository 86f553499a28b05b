"""`pilar rotate-keys`: the first key seals everything anew, so that an older one may leave."""

import asyncio
import json
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from app import house as composition
from app.cli_progress import Progressing
from app.cli_speech import say
from store import rotation
from store.rotation import Closed, Rotated, StillSealing, Stuck

NOUNS = {
    "channel": ("channel", "channels"),
    "alert_target": ("alert target", "alert targets"),
    "publication": ("publication", "publications"),
    "authorization": ("connection under way", "connections under way"),
    "api_keys": ("API key", "API keys"),
    "sessions": ("session", "sessions"),
    "invitations": ("invitation", "invitations"),
    "calendar_links": ("calendar link", "calendar links"),
}


def rotate_keys(
    as_json: Annotated[bool, typer.Option("--json", help="Answer as JSON.")] = False,
) -> None:
    """Seal every secret anew under the first key, while the server runs or not."""
    settings = composition.read_settings()
    with Progressing() as told:
        done = asyncio.run(_rotate(settings, datetime.now(UTC), told))
    if as_json:
        typer.echo(json.dumps(_facts(done), ensure_ascii=False, indent=2))
    else:
        _tell(done)
    if not done.settled:
        raise StillSealing(older=", ".join(done.older))
    if done.closed:
        raise Stuck(count=len(done.closed))


async def _rotate(settings: composition.Settings, now: datetime, told: Progressing) -> Rotated:
    async with composition.visit(settings, now) as house:
        return await rotation.rotate(house.store, house.ring, now, told)


def _facts(done: Rotated) -> dict[str, Any]:
    return {
        "key": done.key,
        "older": list(done.older),
        "sealed": {noun: done.sealed[noun] for noun in rotation.TABLES},
        "settled": done.settled,
        "does_not_open": [asdict(each) | {"id": str(each.id)} for each in done.closed],
        "waiting": done.waiting,
        "over": done.is_over,
    }


def _tell(done: Rotated) -> None:
    counts = [_counted(noun, count) for noun, count in done.sealed.items() if count]
    say(f"Sealed anew under {done.key}: {', '.join(counts) or 'nothing was left'}.")
    for each in done.closed:
        say(f"Does not open, left as it is: {_place(each)}")
    if not done.older:
        return
    older = ", ".join(done.older)
    if left := [_counted(noun, count) for noun, count in done.waiting.items() if count]:
        say(f"Good only while the older keys ({older}) stay: {', '.join(left)}.")
        say("Each moves over when it is used next; otherwise replace it, or let it expire.")
    if done.is_over:
        say(f"Nothing here needs the older keys ({older}) any more; backups of before still do.")


def _place(closed: Closed) -> str:
    noun = NOUNS[closed.noun][0]
    key = f", key {closed.key}" if closed.key else ""
    return (
        f"{closed.workspace}, {noun} {closed.name} ({closed.id}), {closed.field}: "
        f"{closed.reason}{key}"
    )


def _counted(noun: str, count: int) -> str:
    return f"{count} {NOUNS[noun][count != 1]}"
