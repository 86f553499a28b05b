"""Operations on the calendar: what a batch makes of them, and what a check says of them."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from app.conditions import check_version
from app.deps import Access, Db, Now
from app.fields import Body
from app.schemas.mix import ExemptIn, exemption_of
from app.schemas.posts import TypeKey
from app.schemas.publications import AllowDuplicate, WhenBody
from planner.access import Ability, check_ability
from planner.errors import Fault, Invalid, PilarError
from store import channels, placing, posts, publications, writing
from store.judging import Judge
from store.tables import Publication

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
    exempt: ExemptIn = None


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


class SetExempt(Seen):
    """Let a publication not count in the mix, or (null) let it count."""

    op: Literal["exempt"]
    exempt: ExemptIn


Operation = Annotated[Add | Move | Swap | Retype | Remove | SetExempt, Field(discriminator="op")]
Operations = Annotated[list[Operation], Field(min_length=1, max_length=OPERATIONS_MAX)]


async def apply(
    db: Db, access: Access, operations: list[Operation], judge: Judge, now: Now
) -> list[Publication]:
    """Make operations in their order; the first that cannot be made ends it, and is named.

    Returns the publications that were touched. The judge settles afterwards.
    """
    touched: dict[UUID, Publication] = {}
    for index, operation in enumerate(operations):
        try:
            rows = await _apply(db, access, operation, judge, touched, now)
        except PilarError as error:
            raise _at(error, index) from error
        touched |= {row.id: row for row in rows}
    return list(touched.values())


async def _apply(
    db: Db,
    access: Access,
    operation: Operation,
    judge: Judge,
    touched: dict[UUID, Publication],
    now: Now,
) -> list[Publication]:
    place = (db, access.workspace, access.actor)
    if isinstance(operation, Add | Move) and operation.when.now:
        check_ability(access.abilities, Ability.PUBLISH)
    match operation:
        case Add():
            post = await posts.of(db, access.workspace.id, operation.post)
            on = [await channels.of(db, access.workspace.id, operation.channel)]
            when, why = operation.when.when(), operation.allow_duplicate
            exempt = exemption_of(operation.exempt, access.abilities)
            return await placing.place(
                *place, post, on, when, now, allow_duplicate=why, exempt=exempt, judge=judge
            )
        case Move():
            row = await _seen(db, access, operation, touched)
            when, why = operation.when.when(), operation.allow_duplicate
            await placing.move(*place, row, when, now, allow_duplicate=why, judge=judge)
            return [row]
        case Swap():
            first = await _seen(db, access, operation.first, touched)
            second = await _seen(db, access, operation.second, touched)
            await placing.swap(*place, first, second, now, judge=judge)
            return [first, second]
        case Retype():
            post = await posts.of(db, access.workspace.id, operation.post)
            check_version(post, operation.version)
            await writing.change(*place, post, {"type": operation.type}, {}, now, judge=judge)
            return list(await publications.of_post(db, post))
        case Remove():
            row = await _seen(db, access, operation, touched)
            await placing.take_off(*place, row, now, judge=judge)
            return [row]
        case SetExempt():
            check_ability(access.abilities, Ability.APPROVE)
            row = await _seen(db, access, operation, touched)
            exempt = exemption_of(operation.exempt, access.abilities)
            await placing.set_exempt(*place, row, exempt, now, judge=judge)
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
