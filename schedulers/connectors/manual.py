"""The channel whose posts a person publishes by hand, from the caption and media they are given."""

from datetime import datetime
from typing import Any

from schedulers.connector import File, HandedOver, Outgoing


class ManualConnector:
    """Hands a post to a person, who confirms with the link."""

    async def publish(self, outgoing: Outgoing, now: datetime) -> HandedOver:  # noqa: ARG002
        """Hand over the caption (parts apart by an empty line) and the files, in order."""
        parts = range(len(outgoing.words.parts))
        captions = (outgoing.words.caption(part) for part in parts)
        files = (file for part in parts for file in outgoing.files_of(part))
        return HandedOver(
            {
                "caption": "\n\n".join(caption for caption in captions if caption),
                "media": [_described(file) for file in files],
            }
        )


def _described(file: File) -> dict[str, Any]:
    # Without the link: it is signed, and evidence is kept longer than it lasts.
    return {"id": str(file.id), "mime": file.mime, "bytes": file.bytes, "alt": file.alt}
