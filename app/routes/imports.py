"""Imports over HTTP: tables of posts, from Pilar and from other tools."""

from typing import Annotated, Literal, Self
from uuid import UUID

from fastapi import APIRouter, Request, Response
from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from app.deps import Db, Editor, Now
from app.fields import Answer, Body, Line
from app.idempotency import Remembered
from app.problems import detail_of, key_of
from app.schemas.publications import SlotOut
from app.speech import LANGUAGE, fault_text
from planner.sheets import Layout, Sheet, read_csv, read_rows
from store import importing
from store.importing import Asked, Outcome, Report, RowReport

router = APIRouter(route_class=Remembered, prefix="/workspaces/{ws}/imports", tags=["posts"])

EXAMPLE = "title,text\nNaskah kuno kini terbaca di gawai,Perpustakaan memindai naskahnya.\n"

Named = Annotated[Line, Field(max_length=120)]


class ImportIn(Body):
    """A table of posts: CSV as one text, or rows that name their columns.

    A row with `published_at`, or with the status `published` and a time, is history; a row with a
    time to come is placed; a row without one is a draft or an idea. `date` and `time` are the
    channel's wall clock, unless `timezone` says whose.
    """

    format: Literal["csv", "json"] = "csv"
    layout: Annotated[
        Literal["auto", "pilar", "hootsuite", "buffer", "publer"],
        Field(description="Whose columns they are; `auto` goes by the header."),
    ] = "auto"
    text: Annotated[
        str | None, Field(max_length=1 << 20, description="The CSV.", examples=[EXAMPLE])
    ] = None
    rows: Annotated[
        list[dict[str, str | list[str] | None]] | None,
        Field(description="By column; `channels` may be a list."),
    ] = None
    channels: Annotated[
        list[Named],
        Field(max_length=50, description="Ids or handles, for rows that name no channel."),
    ] = []
    type: Annotated[Named | None, Field(description="Key or name, for rows that name no type.")] = (
        None
    )
    pillar: Annotated[
        Named | None, Field(description="Id or name, for rows that name no pillar.")
    ] = None
    timezone: Annotated[str | None, Field(max_length=64, description="Null: each channel's.")] = (
        None
    )
    day_first: Annotated[
        bool | None, Field(description="How 03/04/2026 is read; null: by the file's other days.")
    ] = None
    accept: Annotated[
        Literal["all", "valid"],
        Field(description="With `all`, one faulty row is enough for nothing to be written."),
    ] = "all"
    dry_run: bool = False

    @model_validator(mode="after")
    def _one(self) -> Self:
        there = (self.text is not None, self.rows is not None)
        if there != (self.format == "csv", self.format == "json"):
            raise PydanticCustomError("text-or-rows", "text with csv, rows with json")
        return self

    def sheet(self) -> Sheet:
        """Return the table as the planner reads it; raises `WrongSheet`."""
        layout = None if self.layout == "auto" else Layout(self.layout)
        if self.text is not None:
            return read_csv(self.text, layout)
        return read_rows(self.rows or [], layout)

    def asked(self) -> Asked:
        """Return what holds for rows that say nothing else."""
        return Asked(self.channels, self.type, self.pillar, self.timezone, self.day_first)


class RowRemark(Answer):
    """Something about a row: in which column, which rule, and a sentence."""

    pointer: str
    code: str
    message: str


class ImportedRow(Answer):
    """What became of a row; a `faulty` one was not written, a refused one stays a draft."""

    row: int
    outcome: Outcome
    post: UUID | None
    publications: list[UUID]
    external_id: str
    errors: list[RowRemark]
    suggested: SlotOut | None


class ImportTotals(Answer):
    """How many rows came to what, and how many posts that makes."""

    rows: int
    posts: int
    recorded: int
    placed: int
    drafts: int
    skipped: int
    faulty: int


class Imported(Answer):
    """What became of a table, or what would; ids are there only for what is there."""

    dry_run: bool
    applied: bool
    layout: Layout
    totals: ImportTotals
    rows: list[ImportedRow]

    @classmethod
    def of(cls, report: Report, *, dry_run: bool) -> Self:
        """Return a report as it is answered."""
        return cls(
            dry_run=dry_run,
            applied=report.applied,
            layout=report.layout,
            totals=ImportTotals(**report.totals),
            rows=[_row(each) for each in report.rows],
        )


@router.post(
    "",
    status_code=201,
    responses={200: {"model": Imported, "description": "Nothing was written."}},
)
async def add_import(
    body: ImportIn, request: Request, response: Response, db: Db, access: Editor, now: Now
) -> Imported:
    """Import a table of posts as one change, or say what would come of it.

    `Location` is the first post that was written.
    """
    writer = access.caller.person
    report = await importing.run(
        db,
        access.workspace,
        access.actor,
        body.sheet(),
        body.asked(),
        now,
        owner_id=writer.id if writer else None,
        faults_refuse=body.accept == "all",
        dry_run=body.dry_run,
    )
    if report.applied:
        written = next(
            row.post for row in report.rows if row.outcome != Outcome.SKIPPED and row.post
        )
        place = request.url.path.removesuffix("/imports")
        response.headers["Location"] = f"{place}/posts/{written}"
    else:
        response.status_code = 200
    return Imported.of(report, dry_run=body.dry_run)


def _row(row: RowReport) -> ImportedRow:
    language = LANGUAGE.get()
    errors = [
        RowRemark(pointer=each.pointer, code=each.code, message=fault_text(each, language))
        for each in row.faults
    ]
    if row.problem:
        key = key_of(type(row.problem))
        said = detail_of(row.problem, language)
        errors.append(RowRemark(pointer=row.problem_column, code=key, message=said))
    return ImportedRow(
        row=row.number,
        outcome=row.outcome,
        post=row.post,
        publications=row.publications,
        external_id=row.external_id,
        errors=errors,
        suggested=SlotOut.of(row.suggested) if row.suggested else None,
    )
