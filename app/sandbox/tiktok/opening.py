"""Opening the TikTok sandbox from what the command line said."""

from collections.abc import Callable
from datetime import datetime

from app.sandbox.opening import Opened, Wish
from app.sandbox.tiktok.accounts import Developer
from app.sandbox.tiktok.server import create_sandbox
from app.sandbox.tiktok.state import TikTok
from app.sandbox.tiktok.tokens import faults_of
from app.sandbox.tiktok.wire import wire_of
from planner.errors import Invalid
from schedulers.outbound import Outbound


class BadRedirectUri(Invalid):
    """TikTok does not register such an address."""


def open_tiktok(wish: Wish, outbound: Outbound, now: Callable[[], datetime]) -> Opened:
    """Return a TikTok that nothing was posted to yet; raises `BadRedirectUri`."""
    faults = faults_of(wish.redirect_uris)
    if faults:
        raise BadRedirectUri(why=" ".join(faults))
    developer = Developer(
        redirect_uris=tuple(wish.redirect_uris),
        url_prefixes=tuple(wish.media_prefixes),
        allow_loopback=any(prefix.startswith("http:") for prefix in wish.media_prefixes),
        callback_url=wish.callback_url,
        audited=wish.audited,
    )
    tiktok = TikTok(now, wish.base_url, developer)
    settings = {
        "client key": developer.client_key,
        "client secret": developer.client_secret,
        "API base URL": wish.base_url,
        "authorize URL": f"{wish.base_url}/v2/auth/authorize/",
    }
    bound = "none" if wish.audited else "not audited: SELF_ONLY, by private accounts"
    address = wish.base_url.partition("//")[2]
    hints = [
        f"Pilar may reach it with PILAR_ALLOW_PRIVATE_HOSTS={address}",
        f"Accounts: {', '.join(tiktok.accounts)}.",
        f"Bounds of direct posts: {bound}.",
        f"What was posted: {wish.base_url}/",
        f"To provoke something: POST {wish.base_url}/_sandbox/control (docs/sandbox.md).",
    ]
    return Opened(create_sandbox(tiktok, wire_of(outbound)), settings, hints)
