"""`pilar demo`: fills a workspace with eight weeks of a fictitious office's calendar."""

import asyncio
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table

from app import house as composition
from app.cli_office import checked
from app.cli_speech import err, out, say
from app.demo import founding
from app.demo.founding import Office
from app.demo.script import items, monday_of, read
from app.demo.story import story
from app.demo.telling import Teller
from app.routes.workspaces import WorkspaceIn
from planner.slots import local_day

FOUNDED_WEEKS_AGO = 6


def demo(
    slug: Annotated[str, typer.Option(help="The slug of the workspace to create.")] = "warisan",
    as_json: Annotated[bool, typer.Option("--json", help="Answer as JSON.")] = False,
) -> None:
    """Fill a new workspace with eight weeks of an office."""
    checked(WorkspaceIn, dict(read("office")["workspace"]) | {"slug": slug})
    settings = composition.read_settings()
    office = asyncio.run(build(settings, slug, datetime.now(UTC)))
    if as_json:
        typer.echo(json.dumps(_facts(office, settings.app.base_url), ensure_ascii=False, indent=2))
    else:
        _show(office, settings.app.base_url)


async def build(settings: composition.Settings, slug: str, now: datetime) -> Office:
    """Build the demonstration as of `now`; raises `SlugTaken` where anything has the slug."""
    zone = ZoneInfo(read("office")["workspace"]["timezone"])
    today = local_day(now, zone)
    script = items(today)
    events = story(script, zone, now)
    async with composition.visit(settings, now) as house:
        await founding.refuse_known(house.store, slug)
        first = datetime.combine(monday_of(today), datetime.min.time(), UTC)
        begun = first - timedelta(weeks=FOUNDED_WEEKS_AGO)
        office = await founding.found(house.store, house.ring, slug, today, begun)
        teller = Teller(house, office)
        publisher = replace(composition.publisher_of(house, settings), now=lambda: now)
        columns = (TextColumn("{task.description:24}"), BarColumn(), MofNCompleteColumn())
        async with composition.alive(publisher):
            with Progress(*columns, console=err, transient=True) as progress:
                drawing = progress.add_task("Drawing cards", total=len(script))
                await teller.draw(script, lambda done: progress.advance(drawing, done))
                telling = progress.add_task("Writing the calendar", total=len(events))
                await teller.tell(events, publisher, lambda done: progress.advance(telling, done))
                going = progress.add_task("Publishing", total=len(teller.gone))
                await teller.publish(publisher, lambda done: progress.advance(going, done))
        await teller.confirm(now)
    return office


def _facts(office: Office, url: str) -> dict[str, Any]:
    return {
        "workspace": office.slug,
        "url": url,
        "feed": f"{url}/feeds/{office.slug}/kabar.atom",
        "api_key": office.api_key,
        "logins": [
            {"email": login.email, "role": login.role.value, "password": login.password}
            for login in office.logins
        ],
    }


def _show(office: Office, url: str) -> None:
    logins = Table("Name", "Role", "E-mail address", "Password", box=None, pad_edge=False)
    for login in office.logins:
        logins.add_row(login.name, login.role.value, login.email, login.password)
    say(f"{office.name}\n{'=' * len(office.name)}\n")
    out.print(logins)
    api = f"{url}/api/v1/workspaces/{office.slug}"
    authorization = f"-H 'Authorization: Bearer {office.api_key}'"
    say("\nPasswords and key are shown this once. With a server running, look at:")
    say(f"  the feed      {url}/feeds/{office.slug}/kabar.atom")
    say(f"  what is due   curl {authorization} '{api}/publications?status=scheduled'")
    say(f"  the queue     curl {authorization} {api}/queue")
    say(f"  the record    curl {authorization} {api}/audit")
