"""`python -m bench [NAME …]`: measure, and print ratios; nothing here can fail a build."""

import asyncio
import sys
import time

from rich.console import Console
from rich.table import Table

from app import logs
from bench import adding, compliance, idle, mix, publishing, reading
from bench.grounds import Ratio, grounds

BENCHES = {
    "adding": adding.measure,
    "compliance": compliance.measure,
    "idle": idle.measure,
    "publishing": publishing.measure,
    "reading": reading.measure,
}
PURE = {"mix": mix.measure}
"""Those that need no database."""


def show(name: str, ratios: list[Ratio], seconds: float) -> Table:
    """Return a table of one measurement."""
    title = f"{name} ({seconds:.0f} s)"
    table = Table("", "database", title=title, title_justify="left", title_style="bold")
    for head in ("Pilar", "floor", "ratio"):
        table.add_column(head, justify="right")
    for each in ratios:
        row = (_long(each.pilar), _long(each.floor), f"{each.pilar / each.floor:.1f}")
        table.add_row(each.what, each.database, *row)
    return table


def _long(seconds: float) -> str:
    return f"{1000 * seconds:.2f} ms" if seconds >= 0.001 else f"{1_000_000 * seconds:.1f} µs"


async def measure(names: list[str], console: Console) -> None:
    """Run measurements on every database there is, and print each as soon as it is done."""
    for name in names:
        begun = time.perf_counter()
        ratios = []
        if name in PURE:
            with console.status(name):
                ratios += await PURE[name]()
        else:
            async for ground in grounds():
                with console.status(f"{name}: {ground.database}"):
                    ratios += await BENCHES[name](ground)
        console.print(show(name, ratios, time.perf_counter() - begun))


def main() -> int:
    """Run what was named, or everything."""
    known = [*BENCHES, *PURE]
    names = sys.argv[1:] or known
    console = Console()
    if unknown := set(names) - set(known):
        console.print(f"There is no {', '.join(sorted(unknown))}; there are {', '.join(known)}.")
        return 2
    logs.configure("error", "console")
    console.print(
        "Medians (publishing: until the last is out); a ratio of 1 would be no cost at all."
    )
    asyncio.run(measure(names, console))
    return 0


if __name__ == "__main__":
    sys.exit(main())
