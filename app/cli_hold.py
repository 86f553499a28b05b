"""`pilar hold`: stops the whole instance, and lets it publish again."""

import asyncio
import json
from collections import Counter
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from pydantic import Field

from app import house as composition
from app.cli_office import checked
from app.cli_speech import command, say
from app.fields import Body, Text
from planner.publications import Status
from store import held, holds
from store.held import Backlog
from store.holds import Case


class Why(Body):
    """Why everything is held."""

    reason: Annotated[Text, Field(min_length=1, max_length=2000)] | None


def hold(
    everything: Annotated[
        bool, typer.Option("--all", help="Hold every publication of every workspace.")
    ] = False,
    release: Annotated[bool, typer.Option("--release", help="Let them go again.")] = False,
    reason: Annotated[str | None, typer.Option(help="Why, for those who look.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Answer as JSON.")] = False,
) -> None:
    """Stop everything from going out, or let it go again."""
    if everything == release or (release and reason is not None):
        raise typer.BadParameter("say either `--all` (perhaps with `--reason`) or `--release`.")
    why = checked(Why, {"reason": reason}).reason
    settings, now = composition.read_settings(), datetime.now(UTC)
    if everything:
        cases, backlog = asyncio.run(_hold(settings, why, now))
        _answer_held(cases, backlog, as_json=as_json)
    else:
        _answer_released(asyncio.run(_release(settings, now)), as_json=as_json)


async def _hold(
    settings: composition.Settings, reason: str | None, now: datetime
) -> tuple[list[Case], Backlog]:
    async with composition.visit(settings, now) as house:
        cases = await holds.hold_all(house.store, reason, now)
        async with house.store.reading() as db:
            return cases, await held.count(db, now)


async def _release(settings: composition.Settings, now: datetime) -> list[Case]:
    async with composition.visit(settings, now) as house:
        return await holds.release_all(house.store, now)


def _answer_held(cases: list[Case], backlog: Backlog, *, as_json: bool) -> None:
    if as_json:
        _tell({"held": True, "on_the_wire": cases, "scheduled": asdict(backlog)})
        return
    say("Nothing goes out any more.")
    say(f"Held: {backlog.due} due, {backlog.later} later.")
    if backlog.through_hold:
        say(f"Let through all the same: {backlog.through_hold}.")
    say("On the wire already: " + ("these." if cases else "nothing."))
    _list(cases)
    say(f"\nTo publish again:\n  {command('hold', '--release')}")


def _answer_released(cases: list[Case], *, as_json: bool) -> None:
    if as_json:
        _tell({"held": False, "left": cases})
        return
    say("Publications go out again when they are due. What fell due meanwhile does not by itself.")
    found = Counter(case.status for case in cases)
    say(f"To send, move or drop: {found[Status.MISSED]}.")
    say(f"To check, since they may be live: {found[Status.NEEDS_REVIEW]}.")
    _list(cases)


def _list(cases: list[Case]) -> None:
    for case in cases:
        say(f"  {case.workspace}  {case.publication_id}  {case.channel}  ({case.status.value})")


def _tell(facts: dict[str, Any]) -> None:
    told = {
        name: [_plain(case) for case in value] if isinstance(value, list) else value
        for name, value in facts.items()
    }
    typer.echo(json.dumps(told, ensure_ascii=False, indent=2))


def _plain(case: Case) -> dict[str, str]:
    return {
        "workspace": case.workspace,
        "publication": str(case.publication_id),
        "channel": case.channel,
        "status": case.status.value,
    }
