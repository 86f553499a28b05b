"""No way of writing an address leads into the network: nobody is connected to, by web or mail.

A socket listens on every address of this machine and counts who connects; beside it, each
address that the event loop is asked to connect to is written down. Canaries show that without the
gate both would see it.
"""

import asyncio
import socket
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Any

import httpx
import pytest

from schedulers.addresses import Gate, NotSent, Resolve
from schedulers.connector import TryLater
from schedulers.mail import Letter, Mailer, Server, Taken, sender_of
from schedulers.outbound import Outbound
from tests.conftest import Clock
from tests.schedulers.post_office import post_office
from tests.schedulers.wires import Wire, reason_of, says, wire

HELLO = says("200 OK", b"{}")
PUBLIC = "93.184.216.34"
LETTER = Letter("sari@biro.example", "Gagal", "Gagal.", "id", "k")

WRITTEN: dict[str, Sequence[str]] = {
    "loopback": ("127.0.0.1", "127.8.9.10", "localhost", "LOCALHOST", "[::1]", "0.0.0.0", "[::]"),  # noqa: S104
    "link-local": ("169.254.1.1", "[fe80::1]", "[febf::1]"),
    "private": (
        "10.0.0.1",
        "172.16.0.1",
        "172.31.255.254",
        "192.168.0.1",
        "[fc00::1]",
        "[fd12::1]",
    ),
    "carrier-grade NAT": ("100.64.0.1", "100.127.255.254"),
    "metadata": (
        "169.254.169.254",
        "169.254.170.2",
        "[fd00:ec2::254]",
        "100.100.100.200",
        "168.63.129.16",
        "192.0.0.192",
    ),
    "IPv4-mapped": ("[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[0:0:0:0:0:ffff:a9fe:a9fe]"),
    "IPv4-compatible": ("[::127.0.0.1]", "[::7f00:1]"),
    "NAT64": ("[64:ff9b::7f00:1]", "[64:ff9b::10.0.0.1]", "[64:ff9b:1::7f00:1]"),
    "6to4": ("[2002:7f00:1::]", "[2002:a9fe:a9fe::1]", "[2002:c0a8:1::1]"),
    "Teredo": ("[2001:0:5db8:d822::80ff:fffe]", "[2001:0:7f00:1::]"),
    "decimal": ("2130706433", "2852039166", "0", "127.1", "127.0.1", "10.1"),
    "octal": ("017700000001", "0177.0.0.01", "0177.1", "00000177.0.0.1"),
    "hexadecimal": ("0x7f000001", "0x7f.0.0.1", "0x7f.1", "0X7F.0x0.0x0.0x1", "0xa9fea9fe"),
    "trailing dots": ("127.0.0.1.", "localhost.", "2130706433.", "0x7f.1."),
    "other": ("224.0.0.1", "255.255.255.255", "240.0.0.1", "192.0.2.1", "198.18.0.1", "[ff02::1]"),
}
"""Hosts in a URL, by what they try."""

TRICKS: dict[str, Sequence[str]] = {
    "userinfo": (
        "http://example.org@127.0.0.1:{port}/",
        "http://example.org:80@127.0.0.1:{port}/",
        "http://example.org%23@127.0.0.1:{port}/",
        "http://@127.0.0.1:{port}/",
    ),
    "backslash": ("http://example.org\\@127.0.0.1:{port}/", "http:\\\\127.0.0.1:{port}/"),
    "Unicode digits": (
        "http://１２７.0.0.1:{port}/",  # noqa: RUF001
        "http://①②⑦.0.0.1:{port}/",
        "http://127。0。0。1:{port}/",
        "http://١٢٧.0.0.1:{port}/",
        "http://ⓛⓞⓒⓐⓛⓗⓞⓢⓣ:{port}/",
    ),
    "percent-encoded": ("http://%31%32%37.0.0.1:{port}/", "http://127.0.0.1%2f:{port}/"),
    "a scope": (
        "http://[fe80::1%25lo]:{port}/",
        "http://[::1%25lo]:{port}/",
        "http://[::1%lo]:{port}/",
    ),
    "another scheme": (
        "gopher://127.0.0.1:{port}/",
        "file://127.0.0.1/etc/passwd",
        "//127.0.0.1:{port}/",
    ),
    "white space": ("http://127.0.0.1:{port}/\r\nHost: x", "\thttp://127.0.0.1:{port}/"),
}
"""Whole URLs that readers of URLs disagree about."""

ANSWERS: dict[str, Sequence[Sequence[str]]] = {
    "one private": (("127.0.0.1",), ("10.0.0.1",), ("169.254.169.254",), ("::1",), ("fe80::1%lo",)),
    "half private": ((PUBLIC, "127.0.0.1"), ("127.0.0.1", PUBLIC), (PUBLIC, "::ffff:127.0.0.1")),
    "wrapped": (("::ffff:10.0.0.1",), ("64:ff9b::7f00:1",), ("2002:7f00:1::",), ("::127.0.0.1",)),
    "no address": (("not an address",), ("127.0.0.1 ",), ("0x7f000001",), ("2130706433",)),
}
"""What a name server may say of a name."""


def each(table: dict[str, Sequence[Any]]) -> list[Any]:
    return [
        pytest.param(row, id=f"{kind}: {row}".encode("ascii", "backslashreplace").decode())
        for kind, rows in table.items()
        for row in rows
    ]


@dataclass
class Watch:
    """What would have been connected to: counted where it listens, and where it was begun."""

    wire: Wire
    attempts: list[str] = field(default_factory=list)

    @property
    def port(self) -> int:
        return self.wire.port

    @property
    def seen(self) -> tuple[int, list[str]]:
        return self.wire.connections, self.attempts


@pytest.fixture
async def watch(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Watch]:
    """Listen on all of this machine's addresses; what would leave the machine is refused."""
    loop = asyncio.get_running_loop()
    connect = loop.sock_connect
    if socket.has_dualstack_ipv6():
        listening = socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True)
    else:
        listening = socket.create_server(("127.0.0.1", 0))
    async with wire(HELLO, on=listening) as here:
        watch = Watch(here)

        async def spy(sock: socket.socket, address: Any) -> None:
            watch.attempts.append(address[0])
            if not is_here(address[0]):
                raise ConnectionRefusedError
            await connect(sock, address)

        monkeypatch.setattr(loop, "sock_connect", spy)
        yield watch


def is_here(address: str) -> bool:
    found = ip_address(address.partition("%")[0])
    inner = getattr(found, "ipv4_mapped", None) or found
    return inner.is_loopback or inner.is_unspecified


def says_of_every_name(*addresses: str) -> Resolve:
    async def resolve(_host: str, _port: int) -> Sequence[str]:
        return addresses

    return resolve


class Open(Gate):
    """The canary: a gate that lets everything through."""

    async def addresses(self, host: str, port: int) -> Sequence[str]:
        if not (found := await self._look_up(host.lower().rstrip("."), port)):
            raise NotSent("dns_failed")
        return found


@asynccontextmanager
async def client(
    *allowed: str, resolve: Resolve | None = None, gate: Callable[..., Gate] = Gate
) -> AsyncIterator[Outbound]:
    more: Any = {} if resolve is None else {"resolve": resolve}
    outbound = Outbound(allowed, **more)
    outbound._gate = gate(allowed, **more)
    try:
        yield outbound
    finally:
        await outbound.aclose()


REFUSED = {"NotSent: address_refused", "NotSent: url_malformed"}


@pytest.mark.parametrize("host", each(WRITTEN))
async def test_no_way_to_write_an_address_is_connected_to(watch: Watch, host: str) -> None:
    async with client() as outbound:
        reason = await reason_of(outbound, f"http://{host}:{watch.port}/", timeout_seconds=2)

    assert (reason in REFUSED, watch.seen) == (True, (0, [])), reason


@pytest.mark.parametrize("url", each(TRICKS))
async def test_no_trick_in_a_url_is_connected_to(watch: Watch, url: str) -> None:
    async with client() as outbound:
        reason = await reason_of(outbound, url.format(port=watch.port), timeout_seconds=2)

    assert (reason in REFUSED, watch.seen) == (True, (0, [])), reason


@pytest.mark.parametrize("addresses", each(ANSWERS))
async def test_no_answer_of_a_name_server_is_connected_to(
    watch: Watch, addresses: Sequence[str]
) -> None:
    async with client(resolve=says_of_every_name(*addresses)) as outbound:
        reason = await reason_of(outbound, f"http://receiver.example:{watch.port}/")

    assert (reason, watch.seen) == ("NotSent: address_refused", (0, []))


@pytest.mark.parametrize("host", ["metadata.google.internal", "instance-data", "rebind.example."])
async def test_a_name_inside_of_a_cloud_is_not_connected_to(watch: Watch, host: str) -> None:
    async with client(resolve=says_of_every_name("169.254.169.254")) as outbound:
        reason = await reason_of(outbound, f"http://{host}/latest/meta-data/")

    assert (reason, watch.seen) == ("NotSent: address_refused", (0, []))


def rebinding() -> Resolve:
    """Say a public address once, and this machine's from then on."""
    said = iter([PUBLIC])

    async def resolve(host: str, _port: int) -> Sequence[str]:
        return ["127.0.0.1" if host == "home.example" else next(said, "127.0.0.1")]

    return resolve


async def test_a_name_that_rebinds_leads_where_it_was_looked_up_and_then_nowhere(
    watch: Watch,
) -> None:
    url = f"http://rebind.example:{watch.port}/"
    async with client(resolve=rebinding()) as outbound:
        reasons = [await reason_of(outbound, url, timeout_seconds=2) for _ in range(3)]

    assert reasons == ["NotSent: connect_failed", *["NotSent: address_refused"] * 2]
    assert watch.seen == (0, [PUBLIC])


async def test_a_redirect_to_itself_does_not_rebind_a_name(watch: Watch) -> None:
    target = f"http://rebind.example:{watch.port}/"
    async with (
        client("home.example", resolve=rebinding()) as outbound,
        wire(says("302 Found", Location=target)) as home,
    ):
        url = home.url(host="home.example")
        reasons = [await reason_of(outbound, url, redirects=3) for _ in range(2)]

    assert reasons == ["NotSent: connect_failed", "NotSent: address_refused"]
    assert watch.seen == (0, ["127.0.0.1", PUBLIC, "127.0.0.1"])


LED_TO = ("127.0.0.2", "localhost", "[::1]", "2130706433", "0x7f.1", "169.254.169.254", "a@[::1]")


@pytest.mark.parametrize("hop", [1, 2, 3])
@pytest.mark.parametrize("host", LED_TO)
async def test_no_hop_of_a_redirect_leads_inside(watch: Watch, host: str, hop: int) -> None:
    steps = [says("302 Found", Location="/next")] * (hop - 1)
    last = says("302 Found", Location=f"http://{host}:{watch.port}/")
    async with client("127.0.0.1") as outbound, wire(*steps, last) as home:
        reason = await reason_of(outbound, home.url(), redirects=3)

    assert reason in REFUSED
    assert (watch.seen, home.connections) == ((0, ["127.0.0.1"] * hop), hop)


HOSTS = [
    each
    for each in (host.strip("[]") for hosts in WRITTEN.values() for host in hosts)
    if each not in {"localhost", "LOCALHOST", "localhost."}
]


async def by_mail(
    host: str, port: int, resolve: Resolve | None = None, gate: Callable[..., Gate] = Gate
) -> Any:
    more: Any = {} if resolve is None else {"resolve": resolve}
    server = Server(host, port, "smtp", "", "")
    mailer = Mailer(server, sender_of("p@x.example"), (), timeout_seconds=2, **more)
    mailer._gate = gate((), **more)
    return await mailer.send(LETTER, Clock().now)


@pytest.mark.parametrize("host", HOSTS)
async def test_no_mail_server_is_connected_to_inside(watch: Watch, host: str) -> None:
    outcome = await by_mail(host, watch.port)

    assert (outcome, watch.seen) == (TryLater("address_refused", None, counts=True), (0, []))


@pytest.mark.parametrize("addresses", each(ANSWERS))
async def test_no_name_of_a_mail_server_leads_inside(
    watch: Watch, addresses: Sequence[str]
) -> None:
    outcome = await by_mail("mail.example", watch.port, says_of_every_name(*addresses))

    assert (outcome, watch.seen) == (TryLater("address_refused", None, counts=True), (0, []))


async def test_without_the_gate_every_kind_of_them_would_be_seen(watch: Watch) -> None:
    seen: Counter[str] = Counter()
    async with client(gate=Open) as outbound:
        for kind, hosts in WRITTEN.items():
            for host in hosts:
                before = len(watch.attempts)
                await reason_of(outbound, f"http://{host}:{watch.port}/", timeout_seconds=2)
                seen[kind] += len(watch.attempts) > before

    # Which of the odder forms are read as addresses is the system's own affair.
    assert {kind for kind, count in seen.items() if count} == set(WRITTEN)
    assert seen.total() >= 50
    assert watch.wire.connections >= 12


async def test_without_the_gate_a_name_or_a_redirect_would_lead_inside(watch: Watch) -> None:
    target = f"http://inside.example:{watch.port}/"
    resolve = says_of_every_name("127.0.0.1")
    async with client(resolve=resolve, gate=Open) as outbound:
        direct = await reason_of(outbound, target)
        async with wire(says("302 Found", Location=target)) as home:
            led = await reason_of(outbound, home.url(), redirects=1)
    async with post_office() as office:
        mailed = await by_mail("mail.example", office.port, resolve, Open)

    assert (direct, led, watch.wire.connections) == ("200", "200", 2)
    assert (mailed, office.greetings) == (Taken(), ["x.example"])


async def test_a_plain_client_falls_for_the_tricks(watch: Watch) -> None:
    fell = []
    async with httpx.AsyncClient(trust_env=False, timeout=2) as plain:
        for kind, urls in TRICKS.items():
            for url in urls:
                before = watch.wire.connections
                try:
                    await plain.get(url.format(port=watch.port))
                except (httpx.HTTPError, httpx.InvalidURL):
                    continue
                fell += [kind] * (watch.wire.connections - before)

    assert {"userinfo", "Unicode digits"} <= set(fell)
