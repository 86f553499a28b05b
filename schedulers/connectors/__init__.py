"""Every platform that Pilar publishes on, by its name."""

from collections.abc import Callable

from schedulers.connector import Connector
from schedulers.connectors.bluesky import BlueskyConnector
from schedulers.connectors.feed import FeedConnector
from schedulers.connectors.manual import ManualConnector
from schedulers.connectors.telegram import TelegramConnector
from schedulers.connectors.tiktok import TikTokConnector
from schedulers.connectors.webhook import WebhookConnector
from schedulers.outbound import Outbound

CONNECTORS: dict[str, Callable[[Outbound], Connector]] = {
    "bluesky": BlueskyConnector,
    "feed": lambda _outbound: FeedConnector(),
    "manual": lambda _outbound: ManualConnector(),
    "telegram": TelegramConnector,
    "tiktok": TikTokConnector,
    "webhook": WebhookConnector,
}
"""How each connector is made; a new platform adds its entry here."""


def connectors(outbound: Outbound) -> dict[str, Connector]:
    """Return the connectors by platform name; those with a wire share the one HTTP client."""
    return {name: make(outbound) for name, make in CONNECTORS.items()}
