"""Mail: the one module that speaks SMTP, to the one server that the settings name."""

import asyncio
import re
import socket
import ssl
import unicodedata
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP as WIRE
from email.utils import format_datetime, parseaddr
from typing import Literal
from urllib.parse import unquote, urlsplit

import aiosmtplib

from planner.alerts import is_email
from schedulers.addresses import Gate, NotSent, Resolve, resolve
from schedulers.connector import Refused, TryLater, Unknown

TIMEOUT_SECONDS = 30.0
CONNECT_SECONDS = 10.0
PORTS = {"smtp": 25, "smtp+starttls": 587, "smtps": 465}
SUBJECT_MAX = 150
PERMANENT = 500
"""Replies from here on say that trying again is of no use (RFC 5321, 4.2.1)."""


class BadMailSettings(ValueError):
    """The mail server or the sender cannot be what the settings say; nothing is repeated."""


@dataclass(frozen=True, slots=True)
class Server:
    """A mail server: TLS from the start, after STARTTLS, or none."""

    host: str
    port: int
    tls: Literal["smtp", "smtp+starttls", "smtps"]
    user: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Letter:
    """One message to one address; `key` makes its Message-ID, the same on every try."""

    to: str
    subject: str
    text: str
    language: str
    key: str


@dataclass(frozen=True, slots=True)
class Taken:
    """The server took the letter and answers for it from now on."""


def server_of(url: str) -> Server:
    """Read `smtp+starttls://user:password@host:587`, `smtps://…` or `smtp://…`.

    User and password are percent-encoded; over plain `smtp` there are none, for everybody on the
    way would read them. Raises `BadMailSettings`.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise BadMailSettings("it is no address such as smtp+starttls://host:587") from None
    if parts.scheme not in PORTS or not host or port == 0 or parts.path.strip("/"):
        raise BadMailSettings("it is smtp+starttls://, smtps:// or smtp://, a host and a port")
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    if bool(user) != bool(password):
        raise BadMailSettings("user and password go together")
    if user and parts.scheme == "smtp":
        raise BadMailSettings("a password travels by smtp+starttls:// or smtps:// only")
    tls: Literal["smtp", "smtp+starttls", "smtps"] = parts.scheme  # type: ignore[assignment]
    return Server(host, port or PORTS[tls], tls, user, password)


def sender_of(text: str) -> Address:
    """Read `Pilar <pilar@office.example>` or a bare address; raises `BadMailSettings`."""
    name, address = parseaddr(text)
    if not is_email(address):
        raise BadMailSettings("it is an address such as Pilar <pilar@office.example>")
    user, _, domain = address.rpartition("@")
    return Address(_line(name), user, domain)


class Mailer:
    """Sends letters by one server, whose name is looked up once and checked as any other.

    `allow_private_hosts` must name the server where its address is private. `trust` replaces the
    public authorities.
    """

    def __init__(
        self,
        server: Server,
        sender: Address,
        allow_private_hosts: Collection[str] = (),
        *,
        resolve: Resolve = resolve,
        trust: ssl.SSLContext | None = None,
        timeout_seconds: float = TIMEOUT_SECONDS,
    ) -> None:
        self._server = server
        self._sender = sender
        self._gate = Gate(allow_private_hosts, resolve)
        self._trust = trust or ssl.create_default_context()
        self._timeout_seconds = timeout_seconds

    async def send(self, letter: Letter, now: datetime) -> Taken | Refused | TryLater | Unknown:
        """Send one letter within the time there is for one, and say what came of it.

        `Refused`: the server will never take it. `Unknown`: it was sent, and nobody knows whether
        it was taken; sent again it has the same Message-ID.
        """
        message = message_of(letter, self._sender, now)
        try:
            async with asyncio.timeout(self._timeout_seconds):
                return await self._send(letter, message)
        except NotSent as error:
            return TryLater(error.reason, None, counts=True)
        except TimeoutError:
            return Unknown("answer_timeout")

    async def _send(
        self, letter: Letter, message: EmailMessage
    ) -> Taken | Refused | TryLater | Unknown:
        client = await self._client()
        try:
            await client.connect()
        except (aiosmtplib.SMTPException, OSError) as error:
            return _not_ready(error)
        try:
            await client.send_message(message, sender=self._sender.addr_spec, recipients=letter.to)
        except (aiosmtplib.SMTPException, OSError) as error:
            return _not_taken(error)
        finally:
            await _leave(client)
        return Taken()

    async def _client(self) -> aiosmtplib.SMTP:
        server = self._server
        addresses = await self._gate.addresses(server.host, server.port)
        return aiosmtplib.SMTP(
            hostname=server.host,  # what the certificate must name; the socket is connected
            sock=await _connected(addresses, server.port),
            local_hostname=self._sender.domain,  # this machine's own name is nobody's business
            username=server.user or None,
            password=server.password or None,
            use_tls=server.tls == "smtps",
            start_tls=server.tls == "smtp+starttls",
            tls_context=self._trust,
            timeout=self._timeout_seconds,
        )


async def _connected(addresses: Collection[str], port: int) -> socket.socket:
    for address in addresses:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        sock = socket.socket(family, socket.SOCK_STREAM)
        sock.setblocking(False)
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                await asyncio.get_running_loop().sock_connect(sock, (address, port))
        except OSError:  # a TimeoutError is one; the next address may do
            sock.close()
        except BaseException:
            sock.close()
            raise
        else:
            return sock
    raise NotSent("connect_failed")


async def _leave(client: aiosmtplib.SMTP) -> None:
    # What becomes of the connection says nothing about the letter.
    with suppress(aiosmtplib.SMTPException, OSError):
        await client.quit()
    client.close()


def _not_ready(error: Exception) -> TryLater:
    """Return why there is no session; the settings may be mended, so it is tried again."""
    if isinstance(error, aiosmtplib.SMTPAuthenticationError):
        return TryLater("mail_login_refused", None, counts=True, evidence=_code(error))
    if isinstance(error, ssl.SSLError) or isinstance(error.__cause__, ssl.SSLError):
        return TryLater("tls_failed", None, counts=True)
    if isinstance(error, aiosmtplib.SMTPResponseException):
        return TryLater("mail_server_refused", None, counts=True, evidence=_code(error))
    if isinstance(error, TimeoutError | ConnectionError | OSError):
        return TryLater("connect_failed", None, counts=True)
    return TryLater("mail_server_unfit", None, counts=True)  # no STARTTLS, or no way to log in


def _not_taken(error: Exception) -> Refused | TryLater | Unknown:
    if isinstance(error, aiosmtplib.SMTPRecipientsRefused):
        first = error.recipients[0]
        code = str(first.code)
        if first.code >= PERMANENT:
            return Refused("recipient_refused", code)
        return TryLater("mail_server_busy", None, counts=True, evidence={"code": code})
    if isinstance(error, aiosmtplib.SMTPDataError) and error.code >= PERMANENT:
        return Refused("mail_refused", str(error.code))
    if isinstance(error, aiosmtplib.SMTPSenderRefused):
        return TryLater("mail_sender_refused", None, counts=True, evidence=_code(error))
    if isinstance(error, aiosmtplib.SMTPResponseException):
        return TryLater("mail_server_busy", None, counts=True, evidence=_code(error))
    return Unknown("connection_lost")


def _code(error: aiosmtplib.SMTPResponseException) -> dict[str, str]:
    # The code only: a server's words may repeat what it was told.
    return {"code": str(error.code)}


def message_of(letter: Letter, sender: Address, now: datetime) -> EmailMessage:
    """Return a letter as RFC 5322 wants it; no text can become a header or another line of one."""
    message = EmailMessage(policy=WIRE)
    user, _, domain = letter.to.rpartition("@")
    message["From"] = sender
    message["To"] = Address("", user, domain)
    message["Subject"] = _line(letter.subject)[:SUBJECT_MAX]
    message["Date"] = format_datetime(now)
    message["Message-ID"] = f"<{letter.key}@{sender.domain}>"
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: nobody's holiday answers it
    message.set_content(_lines(letter.text), cte="quoted-printable")
    message["Content-Language"] = letter.language
    return message


def _line(text: str) -> str:
    return re.sub(r"\s+", " ", _plain(text)).strip()


def _lines(text: str) -> str:
    return "\n".join(_line(line) for line in text.splitlines()) + "\n"


def _plain(text: str) -> str:
    """Return a text with a space for each control character and half a character."""
    return "".join(
        " " if unicodedata.category(each) in {"Cc", "Cs", "Zl", "Zp"} else each for each in text
    )


def mailer_of(url: str, sender: str, allow_private_hosts: Collection[str]) -> Mailer | None:
    """Return what sends mail; None where no server is named. Raises `BadMailSettings`."""
    return Mailer(server_of(url), sender_of(sender), allow_private_hosts) if url else None
