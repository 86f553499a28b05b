"""A real mail server on loopback, in this process, that takes or refuses as a test tells it."""

import asyncio
import ssl
import warnings
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from types import MappingProxyType
from typing import Any, cast

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

USER, PASSWORD = "pilar", "r4h@sia/:sekali"


@dataclass
class PostOffice:
    """What a server has taken; `says` maps a command to what it is refused with."""

    port: int = 0
    says: dict[str, str] = field(default_factory=dict)
    taken: list[EmailMessage] = field(default_factory=list)
    envelopes: list[tuple[str, list[str]]] = field(default_factory=list)
    logins: list[tuple[str, str]] = field(default_factory=list)
    greetings: list[str] = field(default_factory=list)
    slow_seconds: float = 0

    async def handle_EHLO(  # noqa: N802  # the library's name
        self, server: Any, session: Session, envelope: Envelope, name: str, replies: list[str]
    ) -> list[str]:
        self.greetings.append(name)
        session.host_name = name
        return replies

    async def handle_MAIL(  # noqa: N802
        self, server: Any, session: Session, envelope: Envelope, address: str, options: Any
    ) -> str:
        if "MAIL" not in self.says:
            envelope.mail_from = address
        return self.says.get("MAIL", "250 OK")

    async def handle_RCPT(  # noqa: N802
        self, server: Any, session: Session, envelope: Envelope, address: str, options: Any
    ) -> str:
        if "RCPT" not in self.says:
            envelope.rcpt_tos.append(address)
        return self.says.get("RCPT", "250 OK")

    async def handle_DATA(  # noqa: N802
        self, server: Any, session: Session, envelope: Envelope
    ) -> str:
        await asyncio.sleep(self.slow_seconds)
        if said := self.says.get("DATA"):
            if said == "hang up":
                server.transport.abort()
            return said
        content = cast("bytes", envelope.content)
        self.taken.append(message_from_bytes(content, policy=default))
        self.envelopes.append((envelope.mail_from or "", list(envelope.rcpt_tos)))
        return "250 OK"

    def authenticate(self, server: Any, session: Any, envelope: Any, how: str, data: Any) -> Any:
        assert isinstance(data, LoginPassword)
        pair = (data.login.decode(), data.password.decode())
        self.logins.append(pair)
        # `handled` would leave the client without an answer.
        return AuthResult(success=pair == (USER, PASSWORD), handled=False)


@asynccontextmanager
async def post_office(
    tls: ssl.SSLContext | None = None,
    *,
    implicit: bool = False,
    login: bool = False,
    says: Mapping[str, str] = MappingProxyType({}),
) -> AsyncIterator[PostOffice]:
    """Serve on a free port of loopback; with `tls` after STARTTLS, or from the start."""
    here = PostOffice(says=dict(says))

    def serve() -> SMTP:
        with warnings.catch_warnings(action="ignore"):  # it does not know that TLS is outside
            return SMTP(
                here,
                hostname="mail.test",
                tls_context=None if implicit else tls,
                authenticator=here.authenticate,
                auth_required=login,
                auth_require_tls=not implicit,
            )

    server = await asyncio.get_running_loop().create_server(
        serve, "127.0.0.1", 0, ssl=tls if implicit else None
    )
    async with server:
        here.port = server.sockets[0].getsockname()[1]
        yield here
