"""How commands speak: problems in sentences, questions, and what to type next."""

import os
import shlex
import shutil
import sys
from pathlib import Path
from typing import Any

import typer
from rich.console import Console
from rich.markup import escape

from app import logs
from app.problems import problem
from planner.errors import Invalid, PilarError

LANGUAGE = "en"

out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)


class Group(typer.core.TyperGroup):
    """A group of commands whose known errors end in a sentence and an exit code."""

    def invoke(self, ctx: Any) -> Any:
        """Run a command; what can never be right exits with 2, all else that is known with 1."""
        logs.configure("warning", "console")
        try:
            return super().invoke(ctx)
        except PilarError as error:
            tell(error)
            raise typer.Exit(2 if isinstance(error, Invalid) else 1) from None


def sentences(error: PilarError) -> list[str]:
    """Return what is wrong: the title and detail, then a line for each fault in an option."""
    told = problem(error, LANGUAGE, "", "")
    lines = [f"{told['title']}. {told['detail']}"]
    for fault in told.get("errors", ()):
        option = "--" + fault["pointer"].strip("/").replace("/", "-")
        lines.append(f"  {option}: {fault['message']}")
    return lines


def say(text: str) -> None:
    """Print a text as it is, lines of any length whole."""
    out.print(text, markup=False)


def tell(error: PilarError) -> None:
    """Say on standard error what is wrong."""
    first, *rest = sentences(error)
    err.print(f"[bold red]pilar:[/] {escape(first)}")
    for line in rest:
        err.print(escape(line))


def program() -> str:
    """Return how `pilar` is called from here."""
    if shutil.which("pilar"):
        return "pilar"
    beside = Path(sys.prefix) / "bin" / "pilar"
    if beside.exists():
        return os.path.relpath(beside)
    return "python -m app.cli"


def command(*words: str) -> str:
    """Return a command line that can be pasted into a shell."""
    return f"{program()} {shlex.join(words)}"


def ask_password() -> str:
    """Ask for a new password, twice, without showing it."""
    answer: str = typer.prompt("New password", hide_input=True, confirmation_prompt=True)
    return answer


def read_password() -> str:
    """Return the first line of standard input."""
    return sys.stdin.readline().rstrip("\r\n")
