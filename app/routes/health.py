"""Health over HTTP: for whoever restarts the process, and whoever sends it requests."""

from typing import Annotated, Literal, Self

from fastapi import APIRouter, Request, Response
from pydantic import Field

from app import problems
from app.deps import Here, Now
from app.fields import Answer, Moment
from store import health
from store.health import Health

router = APIRouter(tags=["operations"], responses=problems.DOCUMENTED)


class Alive(Answer):
    """The process answers."""

    status: Literal["alive"] = "alive"


class LiveWorkers(Answer):
    """How many processes were seen in the last minutes, by what they do."""

    all: int
    api: int
    worker: int
    tick: int


class Ready(Answer):
    """The service can do its work; `clock_at` is when the scheduler last ticked, to the minute."""

    status: Literal["ready"] = "ready"
    schema_revision: str
    clock_at: Moment | None
    oldest_due_at: Annotated[
        Moment | None, Field(description="Since when the oldest publication is due, if any is.")
    ]
    workers: LiveWorkers
    held_at: Annotated[
        Moment | None, Field(description="Since when nothing goes out anywhere, if so.")
    ]
    restored_at: Annotated[
        Moment | None, Field(description="When it was restored from a backup, if nobody looked.")
    ]

    @classmethod
    def of(cls, found: Health) -> Self:
        """Return what was found as it is answered."""
        workers = {role: found.workers.get(role, 0) for role in LiveWorkers.model_fields}
        return cls(
            schema_revision=found.revision,
            clock_at=found.clock_at,
            oldest_due_at=found.oldest_due_at,
            workers=LiveWorkers(**workers),
            held_at=found.held_at,
            restored_at=found.restored_at,
        )


@router.head("/healthz", include_in_schema=False)
@router.get("/healthz")
async def read_liveness(response: Response) -> Alive:
    """Say that the process is alive; asks nothing else."""
    response.headers["Cache-Control"] = "no-store"
    return Alive()


@router.head("/readyz", include_in_schema=False)
@router.get("/readyz")
async def read_readiness(request: Request, house: Here, response: Response, now: Now) -> Ready:
    """Say whether the database answers at the right schema and somebody publishes, else 503."""
    response.headers["Cache-Control"] = "no-store"
    duty = getattr(request.app.state, "duty", None)  # what `pilar serve` says it is there for
    return Ready.of(await health.check(house.store, now, duty))
