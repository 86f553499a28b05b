"""`pilar verify-audit`: recomputes the chain of every workspace's audit, and names what broke."""

import asyncio
import json
from dataclasses import asdict, dataclass
from typing import Annotated

import typer

from app import house as composition
from app.cli_speech import say
from store import audit, migrating, workspaces
from store.db import Db
from store.tables import AuditEntry, Workspace


@dataclass(frozen=True, slots=True)
class Chain:
    """A workspace's audit: how many rows are right from the first on, and what comes then."""

    workspace: str
    right: int
    first_wrong: int | None
    detail: str


def verify_audit(
    workspace: Annotated[
        str | None, typer.Option(help="The slug of one workspace; all of them otherwise.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Answer as JSON.")] = False,
) -> None:
    """Say whether the audit is as it was written; exit with 1 if any row is not."""
    chains = asyncio.run(_walk(composition.read_settings(), workspace))
    well = all(chain.first_wrong is None for chain in chains)
    rows = sum(chain.right for chain in chains)
    if as_json:
        answer = {"ok": well, "rows": rows, "workspaces": [asdict(chain) for chain in chains]}
        typer.echo(json.dumps(answer, ensure_ascii=False, indent=2))
    else:
        for chain in chains:
            say(f"{chain.workspace}: {chain.detail}")
        say(f"{_rows(rows)} in {len(chains)} workspace{'' if len(chains) == 1 else 's'} checked.")
    if not well:
        raise typer.Exit(1)


async def _walk(settings: composition.Settings, slug: str | None) -> list[Chain]:
    async with composition.open_database(settings) as store:
        await migrating.check(store)
        async with store.reading() as db:
            slugs = await workspaces.slugs(db) if slug is None else [slug]
        chains = []
        for each in slugs:
            async with store.reading() as db:  # the rows and the workspace's own, of one moment
                chains.append(await _chain(db, await workspaces.by_slug(db, each)))
        return chains


async def _chain(db: Db, workspace: Workspace) -> Chain:
    wrong = await audit.verify(db, workspace.id)
    if wrong is None:
        written = workspace.audit_seq
        return Chain(workspace.slug, written, None, f"{_rows(written)}, as they were written")
    nearest = await audit.entries(db, workspace.id, before=wrong + 1, limit=1)
    found = nearest[0] if nearest and nearest[0].seq == wrong else None
    return Chain(workspace.slug, wrong - 1, wrong, _broken(workspace, wrong, found))


def _broken(workspace: Workspace, wrong: int, found: AuditEntry | None) -> str:
    if wrong > workspace.audit_seq:
        return f"row {wrong} was never written: the newest is row {workspace.audit_seq}"
    if found is None:
        return f"row {wrong} is gone; there were {workspace.audit_seq}"
    said = f"{found.actor} {found.action} {found.noun} {found.row_id} at {found.at.isoformat()}"
    return f"row {wrong} is not what was written; it says: {said}"


def _rows(count: int) -> str:
    return f"{count} row{'' if count == 1 else 's'}"
