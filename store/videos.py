"""Reads a video's header with MediaInfo, in a process of its own that may be stopped.

Run as a program it answers for the file on its standard input; it imports nothing of the house.
"""

import contextlib
import os
import subprocess
import sys
from pathlib import Path

from pymediainfo import MediaInfo

CPU_SECONDS = 20
MEMORY_BYTES = 2**30

_FIELDS = "%Format%|%Width%|%Height%|%Rotation%|%Duration%|%FrameRate_Num%|%FrameRate_Den%|"
_ASK = f"General;General|%Format%|%IsTruncated%|%Duration%\\n\nVideo;Video|{_FIELDS}%FrameRate%\\n"


class TookTooMuch(Exception):
    """Reading a file took more time or memory than any honest file does, or broke the reader."""


def told(path: Path, wait_seconds: float) -> list[list[str]]:
    """Return what MediaInfo says, one row for the file and one for each video track.

    `["General", format, "Yes" if truncated, duration]` and `["Video", format, width, height,
    rotation, duration, frame rate's numerator, its denominator, frame rate]`, in pixels, degrees
    and milliseconds; empty where it does not know. A header of one kilobyte can keep the library
    busy for a minute, so it is bounded: raises `TookTooMuch`.
    """
    # -P: the folder of this file holds names, such as `types`, that Python has too.
    command = [sys.executable, "-P", __file__]
    # What reads strangers' bytes need not know the instance's secrets.
    known = {name: value for name, value in os.environ.items() if not name.startswith("PILAR_")}
    with path.open("rb") as file:
        try:
            done = subprocess.run(  # noqa: S603 - our own file, no argument from outside
                command,
                stdin=file,
                env=known,
                capture_output=True,
                timeout=wait_seconds,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise TookTooMuch from None
    if done.returncode < 0:
        raise TookTooMuch
    if done.returncode > 0:
        raise RuntimeError(done.stderr.decode(errors="replace"))
    return [line.split("|") for line in done.stdout.decode().splitlines()]


def _bound() -> None:
    # Where there are no such limits (Windows), the clock outside is the only one.
    with contextlib.suppress(ImportError):
        import resource  # noqa: PLC0415

        for kind, most in (
            (resource.RLIMIT_CPU, CPU_SECONDS),
            (resource.RLIMIT_AS, MEMORY_BYTES),
            (resource.RLIMIT_CORE, 0),
        ):
            _, present = resource.getrlimit(kind)
            wanted = most if present == resource.RLIM_INFINITY else min(most, present)
            resource.setrlimit(kind, (wanted, wanted))


def _answer() -> None:
    _bound()
    try:
        # Handed bytes, not a name: a file that names other files cannot make it open them.
        text = MediaInfo.parse(sys.stdin.buffer, output=_ASK)
    except MemoryError:
        os.abort()
    sys.stdout.buffer.write(text.encode(errors="replace"))


if __name__ == "__main__":
    _answer()
