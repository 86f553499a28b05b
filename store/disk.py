"""What it takes for a file's name, and not only its bytes, to survive a power cut."""

import os
from pathlib import Path


def sync_folder(folder: Path) -> None:
    """Write a folder's entries to the disk: new, moved and removed files stay so.

    Does nothing where folders cannot be opened (Windows), which keeps names in a journal.
    """
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
