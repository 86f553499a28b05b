"""`pilar openapi`: the API's description, and whether the kept one still says the same."""

import difflib
import json
from pathlib import Path
from typing import Annotated

import typer

import app
from app.cli_speech import command, say
from app.deps import House
from app.main import create_app
from planner.errors import PilarError
from schedulers.connectors import connectors
from schedulers.outbound import Outbound
from store.blobs import FolderBlobs
from store.db import Store
from store.settings import StoreSettings
from store.vault import KEY_BYTES, KeyRing

GOLDEN = Path(app.__file__).parent.parent / "openapi.json"


class ApiDiffers(PilarError):
    """The API is not what the kept description says."""


def description() -> str:
    """Return the API's OpenAPI description as JSON text; nothing is opened for it."""
    nowhere = Path("nowhere")
    house = House(
        store=Store("sqlite+aiosqlite://"),
        ring=KeyRing({"k1": bytes(KEY_BYTES)}),
        blobs=FolderBlobs(nowhere),
        connectors=connectors(Outbound()),
        settings=StoreSettings(data_dir=nowhere),
        base_url="http://127.0.0.1:8000",
    )
    return json.dumps(create_app(house).openapi(), indent=2, ensure_ascii=False) + "\n"


def openapi(
    check: Annotated[bool, typer.Option("--check", help="Compare with the kept one.")] = False,
    write: Annotated[bool, typer.Option("--write", help="Keep this one.")] = False,
    file: Annotated[Path, typer.Option(help="Where it is kept.", show_default=False)] = GOLDEN,
) -> None:
    """Print, compare or keep the API's description."""
    if check and write:
        raise typer.BadParameter("either --check or --write.")
    text = description()
    if write:
        file.write_text(text, "utf-8")
        say(f"{file.name}: {len(json.loads(text)['paths'])} paths")
    elif check:
        _compare(file, text)
    else:
        typer.echo(text, nl=False)


def _compare(file: Path, text: str) -> None:
    kept = file.read_text("utf-8") if file.exists() else ""
    lines = difflib.unified_diff(
        kept.splitlines(keepends=True), text.splitlines(keepends=True), file.name, "the code", n=4
    )
    difference = "".join(lines)
    if difference:
        typer.echo(difference, nl=False)
        raise ApiDiffers(file=file.name, command=command("openapi", "--write"))
