"""Disks that get full, and that get room again."""

import errno
import os
import resource
import shutil
import subprocess
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.shore.forked import Pilar

MEGABYTES = 24
CHUNK = bytes(1 << 16)


@dataclass
class Quiet(Pilar):
    """`pilar` whose log takes no room: where files may not grow, its log may not either."""

    @property
    def log(self) -> Path:
        return Path(os.devnull)


class Disk(ABC):
    """A disk that a process writes to."""

    folder: Path

    @abstractmethod
    def fill(self, process: Pilar) -> None:
        """Leave no room."""

    @abstractmethod
    def free(self, process: Pilar) -> None:
        """Make room again."""


@dataclass
class Limited(Disk):
    """A folder where the files of one process may not be written beyond their first byte."""

    folder: Path

    def fill(self, process: Pilar) -> None:
        """Let each write of the process fail (EFBIG)."""
        self._limit(process, 1)

    def free(self, process: Pilar) -> None:
        """Let its writes succeed again."""
        self._limit(process, resource.RLIM_INFINITY)

    def _limit(self, process: Pilar, most: int) -> None:
        assert process.process is not None
        assert process.process.pid is not None
        kind, pid = resource.RLIMIT_FSIZE, process.process.pid
        resource.prlimit(pid, kind, (most, resource.prlimit(pid, kind)[1]))


@dataclass
class Small(Disk):
    """A file system of its own, with room for a small database."""

    folder: Path

    def fill(self, process: Pilar) -> None:  # it is full for everybody
        """Write until there is no room (ENOSPC)."""
        with (self.folder / "filler").open("ab", buffering=0) as filler:
            while True:
                try:
                    filler.write(CHUNK)
                except OSError as error:
                    if error.errno != errno.ENOSPC:
                        raise
                    return

    def free(self, process: Pilar) -> None:  # for everybody
        """Delete what fills it."""
        (self.folder / "filler").unlink()


@contextmanager
def small(folder: Path) -> Iterator[Small | None]:
    """Mount a small file system, where that is allowed; gives None where it is not."""
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={MEGABYTES}m", "pilar", str(folder)]
    mount = shutil.which("mount")
    if mount is None or subprocess.run(command, capture_output=True, check=False).returncode:
        yield None
        return
    try:
        yield Small(folder)
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)
