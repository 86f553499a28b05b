"""Signed links to media: whoever holds one may fetch that file until it expires."""

from datetime import UTC, datetime
from uuid import UUID

from planner.errors import NotFound
from store.tables import Media
from store.vault import KeyRing

PURPOSE = "media-link"


class NoSuchLink(NotFound):
    """The link is none of ours, or it has expired."""


def media_path(ring: KeyRing, media: Media, expires: datetime) -> str:
    """Return the path of a signed link to a file; it ends to the second."""
    until = int(expires.timestamp())
    signature = ring.sign(PURPOSE, _message(media.workspace_id, media.id, until))
    return f"/media/{media.workspace_id}/{media.id}/{until}/{signature}"


def check_link(
    ring: KeyRing, workspace_id: UUID, media_id: UUID, until: int, signature: str, now: datetime
) -> None:
    """Refuse a link that was not signed here or has expired; raises `NoSuchLink`."""
    good = ring.verify(PURPOSE, _message(workspace_id, media_id, until), signature)
    if not good or datetime.fromtimestamp(until, UTC) < now:
        raise NoSuchLink


def _message(workspace_id: UUID, media_id: UUID, until: int) -> bytes:
    return f"{workspace_id}/{media_id}/{until}".encode()
