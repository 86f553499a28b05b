"""The built-in feed: publishing there has no wire, since Pilar serves what it published."""

from datetime import UTC, datetime
from urllib.parse import quote, urlsplit

from schedulers.connector import Account, Done, Outgoing, Published, Withdrawn


class FeedConnector:
    """Publishes to `/feeds/{workspace}/{handle}`."""

    async def publish(self, outgoing: Outgoing, now: datetime) -> Published:  # noqa: ARG002
        """Return the entry's tag and link, the same ones on every attempt."""
        return Published(entry_tag(outgoing), entry_link(outgoing))

    async def withdraw(
        self,
        account: Account,  # noqa: ARG002
        done: tuple[Done, ...],  # noqa: ARG002
        now: datetime,  # noqa: ARG002
    ) -> Withdrawn:
        """Say that it is done: the feed leaves out what is noted to be withdrawn."""
        return Withdrawn()


def entry_tag(outgoing: Outgoing) -> str:
    """Return the tag URI (RFC 4151) that names an entry for ever: host, UTC day it was due, id."""
    host = urlsplit(outgoing.public_url).hostname
    day = outgoing.due_at.astimezone(UTC).date()
    return f"tag:{host},{day.isoformat()}:{outgoing.publication_id}"


def entry_link(outgoing: Outgoing) -> str:
    """Return the public page of an entry."""
    account = outgoing.account
    path = "/".join(
        quote(part, safe="")
        for part in (account.workspace, account.handle, str(outgoing.publication_id))
    )
    return f"{outgoing.public_url.rstrip('/')}/feeds/{path}"
