"""Real servers on loopback that behave as a test tells them, and a post on its way to them."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import uvicorn
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from planner.content import MediaRef, Part, Words
from schedulers.connector import Account, File, Outgoing
from schedulers.outbound import NoAnswer, NotSent, Outbound

SECRET = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
DUE = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)

Behaviour = Callable[[asyncio.StreamWriter], Awaitable[None]]


@dataclass(frozen=True)
class Seen:
    """One request as it arrived; names of headers in lower case."""

    line: str
    headers: Mapping[str, str]
    body: bytes


@dataclass
class Wire:
    """A server that answers with what it was given, the last answer for ever."""

    port: int = 0
    connections: int = 0
    seen: list[Seen] = field(default_factory=list)
    names: list[str] = field(default_factory=list)

    def url(self, path: str = "/hook", host: str = "127.0.0.1", scheme: str = "http") -> str:
        return f"{scheme}://{host}:{self.port}{path}"


async def no_bytes(_first: int, _last: int) -> AsyncIterator[bytes]:
    """Read a file of nothing."""
    yield b""


async def nothing_pulled(_handle: str) -> datetime | None:
    """Call off links that nobody has fetched."""
    return None


def says(status: str, body: bytes = b"", **headers: str) -> bytes:
    """Return the bytes of an answer; underscores in names of headers are hyphens."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


@asynccontextmanager
async def wire(
    *answers: bytes | Behaviour,
    tls: ssl.SSLContext | None = None,
    host: str = "127.0.0.1",
    on: socket.socket | None = None,
) -> AsyncIterator[Wire]:
    """Serve on a free port of loopback, or on a socket that listens already."""
    here = Wire()
    waiting = list(answers)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        here.connections += 1
        try:
            here.seen.append(await _read(reader))
            answer = waiting.pop(0) if len(waiting) > 1 else waiting[0]
            if isinstance(answer, bytes):
                writer.write(answer)
                await writer.drain()
            else:
                await answer(writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            writer.close()

    if tls is not None:
        tls.sni_callback = lambda _socket, name, _context: here.names.append(name)
    if on is None:
        server = await asyncio.start_server(serve, host, 0, ssl=tls)
    else:
        server = await asyncio.start_server(serve, sock=on, ssl=tls)
    async with server:
        here.port = server.sockets[0].getsockname()[1]
        yield here


async def _read(reader: asyncio.StreamReader) -> Seen:
    head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
    pairs = (line.split(": ", 1) for line in head[1:] if line)
    headers = {name.lower(): value for name, value in pairs}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Seen(head[0], headers, body)


@asynccontextmanager
async def served(app: Callable[..., Awaitable[None]]) -> AsyncIterator[str]:
    """Serve an ASGI application by uvicorn on a free port; gives its URL."""
    config = uvicorn.Config(app, port=0, lifespan="off", ws="none", log_config=None)
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        await task


async def reason_of(
    outbound: Outbound,
    url: str,
    *,
    timeout_seconds: float = 5,
    limit_bytes: int = 1 << 20,
    redirects: int = 0,
) -> str:
    """Return how a request ended: "NotSent: why", "NoAnswer: why" or the status."""
    try:
        answer = await outbound.request(
            "GET",
            url,
            headers={},
            timeout_seconds=timeout_seconds,
            limit_bytes=limit_bytes,
            redirects=redirects,
        )
    except (NotSent, NoAnswer) as error:
        return f"{type(error).__name__}: {error.reason}"
    return str(answer.status)


def certificate(name: str, folder: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Return a server's context with a certificate for one name, and a client's to trust it."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    made = datetime.now(UTC) - timedelta(days=1)
    cert = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(made)
        .not_valid_after(made + timedelta(days=9))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = cert.public_bytes(serialization.Encoding.PEM)
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    file = folder / "server.pem"
    file.write_bytes(private + pem)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(file)
    return server, ssl.create_default_context(cadata=pem.decode())


def outgoing(url: str = "", *, key: str = "step-0", **settings: Any) -> Outgoing:
    """Return a post of two parts and one picture on its way to a webhook."""
    picture = UUID("01900000-0000-7000-8000-000000000003")
    return Outgoing(
        publication_id=UUID("01900000-0000-7000-8000-000000000001"),
        account=Account(
            channel_id=UUID("01900000-0000-7000-8000-000000000002"),
            workspace="humas",
            platform="webhook",
            handle="situs",
            name="Situs kantor",
            settings={"url": url, **settings},
            secrets={"secret": SECRET},
        ),
        words=Words(
            title="Kuis sejarah",
            type="interactive",
            pillar="01900000-0000-7000-8000-000000000004",
            format="thread",
            parts=(
                Part("Siapa proklamator?", (MediaRef(str(picture), "ab" * 32, "Naskah asli"),)),
                Part("Jawabannya besok."),
            ),
            hashtags=("#sejarah",),
        ),
        files=(
            File(
                id=picture,
                sha256="ab" * 32,
                mime="image/jpeg",
                bytes=1234,
                width=640,
                height=480,
                duration_ms=None,
                alt="nama lama",
                url="http://pilar.test/m/1?sig=planted",
                read=no_bytes,
                pulled=lambda handle: f"http://pilar.test/pull/{handle}",
            ),
        ),
        due_at=DUE,
        step=0,
        key=key,
        handle=None,
        public_url="http://pilar.test",
        locale="id",
        recall=nothing_pulled,
    )
