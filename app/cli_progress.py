"""How far a command is that takes its time."""

import time
from typing import Self

from rich.progress import Progress, SpinnerColumn, TextColumn

from app.cli_speech import err

QUIET_SECONDS = 2
MEGABYTE = 1_000_000
STEPS = {
    "database": "Copying the database",
    "check": "Checking the copy",
    "media": "Copying media",
    "rotate": "Sealing anew",
}


class Progressing:
    """Says on standard error what is being done, once that takes longer than two seconds."""

    def __init__(self) -> None:
        columns = (SpinnerColumn(), TextColumn("{task.description}"))
        self._progress = Progress(*columns, console=err, transient=True)
        self._task = self._progress.add_task("")
        self._since = time.monotonic()
        self._shown = False

    def __enter__(self) -> Self:
        """Begin to count the seconds."""
        return self

    def __exit__(self, *_: object) -> None:
        """Say no more."""
        if self._shown:
            self._progress.stop()

    def __call__(self, step: str, done: int, total: int | None) -> None:
        """Hear how far a step is: so many of so many, or so many bytes."""
        if time.monotonic() - self._since < QUIET_SECONDS:
            return
        far = f"{done / MEGABYTE:.0f} MB" if total is None else f"{100 * done // max(total, 1)} %"
        self._progress.update(self._task, description=f"{STEPS[step]}: {far}")
        if not self._shown:
            self._shown = True
            self._progress.start()
