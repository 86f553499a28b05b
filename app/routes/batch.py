"""Many changes of the calendar as one: all of them or none."""

from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter
from pydantic import Field

from app.conditions import check_version
from app.deps import Access, Db, Editor, Now
from app.fields import Body
from app.idempotency import Remembered
from app.schemas.posts import TypeKey
from app.schemas.publications import AllowDuplicate, Placed, PublicationOut, WhenBody
from planner.access import Ability, check_ability
from planner.errors import Fault, Invalid, PilarError
from store import channels, placing, posts, publications, writing
from store.tables import Publication

router = APIRouter(
    route_class=Remembered, prefix="/workspaces/{ws}/publications", tags=["publications"]
)

OPERATIONS_MAX = 500


class Seen(Body):
    """A publication, at the version that the caller saw."""

    id: UUID
    version: int


class Add(Body):
    """Put a post on a channel."""

    op: Literal["add"]
    post: UUID
    channel: UUID
    when: WhenBody
    allow_duplicate: AllowDuplicate = None


class Move(Seen):
    """Give a publication another time."""

    op: Literal["move"]
    when: WhenBody
    allow_duplicate: AllowDuplicate = None


class Swap(Body):
    """Let two publications change their times."""

    op: Literal["swap"]
    first: Seen
    second: Seen


class Retype(Body):
    """Give a post, at the version that the caller saw, another type."""

    op: Literal["retype"]
    post: UUID
    version: int
    type: TypeKey


class Remove(Seen):
    """Take a publication off the calendar."""

    op: Literal["remove"]


Operation = Annotated[Add | Move | Swap | Retype | Remove, Field(discriminator="op")]


class BatchIn(Body):
    """Changes in the order in which they are made."""

    operations: Annotated[list[Operation], Field(min_length=1, max_length=OPERATIONS_MAX)]


@router.post("/batch")
async def change_publications(body: BatchIn, db: Db, access: Editor, now: Now) -> Placed:
    """Make many changes as one; the first that cannot be made undoes them all."""
    touched: dict[UUID, Publication] = {}
    for index, operation in enumerate(body.operations):
        try:
            rows = await _apply(db, access, operation, touched, now)
        except PilarError as error:
            raise _at(error, index) from error
        touched |= {row.id: row for row in rows}
    await db.flush()
    return Placed(publications=[PublicationOut.of(row) for row in touched.values()])


async def _apply(
    db: Db, access: Access, operation: Operation, touched: dict[UUID, Publication], now: Now
) -> list[Publication]:
    place = (db, access.workspace, access.actor)
    if isinstance(operation, Add | Move) and operation.when.now:
        check_ability(access.abilities, Ability.PUBLISH)
    match operation:
        case Add():
            post = await posts.of(db, access.workspace.id, operation.post)
            on = [await channels.of(db, access.workspace.id, operation.channel)]
            when, why = operation.when.when(), operation.allow_duplicate
            return await placing.place(*place, post, on, when, now, allow_duplicate=why)
        case Move():
            row = await _seen(db, access, operation, touched)
            when, why = operation.when.when(), operation.allow_duplicate
            await placing.move(*place, row, when, now, allow_duplicate=why)
            return [row]
        case Swap():
            first = await _seen(db, access, operation.first, touched)
            second = await _seen(db, access, operation.second, touched)
            await placing.swap(*place, first, second, now)
            return [first, second]
        case Retype():
            post = await posts.of(db, access.workspace.id, operation.post)
            check_version(post, operation.version)
            await writing.change(*place, post, {"type": operation.type}, {}, now)
            return list(await publications.of_post(db, post))
        case Remove():
            row = await _seen(db, access, operation, touched)
            await placing.take_off(*place, row, now)
            return [row]


async def _seen(
    db: Db, access: Access, seen: Seen, touched: dict[UUID, Publication]
) -> Publication:
    """Return a publication at the version that was seen, or as this batch has changed it."""
    row = await publications.of(db, access.workspace.id, seen.id)
    if seen.id not in touched:
        check_version(row, seen.version)
    return row


def _at(error: PilarError, index: int) -> PilarError:
    """Say in which operation it went wrong."""
    error.facts["operation"] = index
    if isinstance(error, Invalid):
        error.faults = tuple(
            Fault(f"/operations/{index}{fault.pointer}", fault.code, fault.facts)
            for fault in error.faults
        )
    return error
