"""Every platform that Pilar publishes on, by its name."""

from schedulers.connector import Connector
from schedulers.connectors.feed import FeedConnector
from schedulers.connectors.manual import ManualConnector
from schedulers.connectors.webhook import WebhookConnector
from schedulers.outbound import Outbound


def connectors(outbound: Outbound) -> dict[str, Connector]:
    """Return the connectors by platform name; those with a wire share the one HTTP client."""
    return {
        "feed": FeedConnector(),
        "manual": ManualConnector(),
        "webhook": WebhookConnector(outbound),
    }
