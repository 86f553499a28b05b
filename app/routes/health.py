"""Health over HTTP: for whoever restarts the process, and whoever sends it requests."""

from typing import Literal

from fastapi import APIRouter, Response

from app import problems
from app.deps import Here
from app.fields import Answer, Moment
from store import health

router = APIRouter(tags=["operations"], responses=problems.DOCUMENTED)


class Alive(Answer):
    """The process answers."""

    status: Literal["alive"] = "alive"


class Ready(Answer):
    """The service can do its work; `clock_at` is when the scheduler last ticked, to the minute."""

    status: Literal["ready"] = "ready"
    schema_revision: str
    clock_at: Moment | None


@router.head("/healthz", include_in_schema=False)
@router.get("/healthz")
async def read_liveness(response: Response) -> Alive:
    """Say that the process is alive; asks nothing else."""
    response.headers["Cache-Control"] = "no-store"
    return Alive()


@router.head("/readyz", include_in_schema=False)
@router.get("/readyz")
async def read_readiness(house: Here, response: Response) -> Ready:
    """Say whether the database answers and has the schema that the code expects, else 503."""
    response.headers["Cache-Control"] = "no-store"
    found = await health.check(house.store)
    return Ready(schema_revision=found.revision, clock_at=found.clock_at)
