"""Following: whoever waits for changes is woken by each commit, and let go when we stop."""

import asyncio
from contextlib import suppress


class Hub:
    """Wakes everyone who waits, after each commit of this process; other processes are polled."""

    def __init__(self) -> None:
        self._next = asyncio.Event()
        self.stopping = False

    @property
    def next(self) -> asyncio.Event:
        """What is set at the next commit: take it before you read, wait for it after."""
        return self._next

    def wake(self) -> None:
        """Wake everyone who waits now."""
        woken, self._next = self._next, asyncio.Event()
        woken.set()

    def stop(self) -> None:
        """Let everyone go for good."""
        self.stopping = True
        self.wake()


async def wait(event: asyncio.Event, seconds: float) -> None:
    """Wait until an event is set, for so long at most."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
