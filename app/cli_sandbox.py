"""`pilar sandbox`: a platform on this machine that behaves like the real one."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from types import FrameType
from typing import Annotated, Any

import typer
import uvicorn

from app import house as composition
from app.cli_serve import CannotListen
from app.cli_speech import say
from app.sandbox.catalogue import SANDBOXES
from app.sandbox.cutting import Cuttable
from app.sandbox.opening import Opened, Wish
from app.settings import AppSettings
from schedulers.outbound import Outbound

LOOPBACK = ("localhost", "127.0.0.1", "::1")


class Server(uvicorn.Server):
    """uvicorn, which says what to do next when it listens."""

    def __init__(self, config: uvicorn.Config, greeting: str) -> None:
        super().__init__(config)
        self._greeting = greeting

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002
        """Ask to stop; not raised again: a stop is no failure."""
        self.force_exit = self.should_exit
        self.should_exit = True

    async def startup(self, sockets: list[Any] | None = None) -> None:
        """Start, and say so."""
        await super().startup(sockets)
        say(self._greeting)


def sandbox(
    platform: Annotated[str, typer.Argument(help=f"Which platform: {', '.join(SANDBOXES)}.")],
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="The port; 0 takes any free one.")
    ] = 8800,
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    redirect_uri: Annotated[
        list[str] | None, typer.Option(help="An address that people are sent back to; repeatable.")
    ] = None,
    media_prefix: Annotated[
        list[str] | None, typer.Option(help="What URLs of media begin with; repeatable.")
    ] = None,
    callback_url: Annotated[str, typer.Option(help="Where webhooks go; empty: nowhere.")] = "",
    audited: Annotated[bool, typer.Option("--audited", help="As if the app were audited.")] = False,
) -> None:
    """Serve a platform for trying out, with a memory that ends with it."""
    if platform not in SANDBOXES:
        raise typer.BadParameter(f"there is a sandbox of {', '.join(SANDBOXES)} only.")
    base_url = composition.read_settings().app.base_url
    redirect_uris = redirect_uri or [f"{base_url}/oauth/callback"]
    prefixes = media_prefix or [f"{base_url}/"]
    wish = Wish("", redirect_uris, prefixes, callback_url, audited)
    asyncio.run(_serve(platform, wish, host, port))


async def _serve(platform: str, wish: Wish, host: str, port: int) -> None:
    config = uvicorn.Config(
        app="",
        host=host,
        port=port,
        http=Cuttable,
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=1,
    )
    try:
        listening = config.bind_socket()
    except SystemExit:  # uvicorn has logged what the system says
        raise CannotListen(host=host, port=port) from None
    at = {"host": host, "port": listening.getsockname()[1], "public_url": ""}
    base_url = AppSettings().model_copy(update=at).base_url
    outbound = Outbound(allow_private_hosts=LOOPBACK)
    try:
        told = replace(wish, base_url=base_url)
        opened = SANDBOXES[platform](told, outbound, lambda: datetime.now(UTC))
        config.app = opened.app
        await Server(config, _greeting(platform, base_url, opened)).serve([listening])
    finally:
        listening.close()
        await outbound.aclose()


def _greeting(platform: str, base_url: str, opened: Opened) -> str:
    width = max(map(len, opened.settings))
    lines = [f"The {platform} sandbox listens on {base_url}", "", "Put into Pilar's settings:"]
    lines += [f"  {name.ljust(width)}  {value}" for name, value in opened.settings.items()]
    return "\n".join([*lines, "", *opened.hints])
