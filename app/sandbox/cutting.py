"""Closing a connection without an answer, which no web framework does by itself."""

from starlette.types import Receive, Scope
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

EXTENSION = "pilar.cut"


class Cuttable(HttpToolsProtocol):
    """uvicorn's protocol; a request may close the connection that it came on."""

    def on_message_begin(self) -> None:
        """Begin a request, and give it the scissors."""
        super().on_message_begin()
        self.scope["extensions"] = {EXTENSION: {"abort": self.transport.abort}}


async def cut(scope: Scope, receive: Receive) -> None:
    """Close a request's connection; without one (in process) raise `ConnectionResetError`."""
    scissors = scope.get("extensions", {}).get(EXTENSION)
    if scissors is None:
        raise ConnectionResetError("The sandbox closed the connection.")
    scissors["abort"]()
    while (await receive())["type"] != "http.disconnect":
        pass
