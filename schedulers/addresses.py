"""Which addresses the service may connect to, and what a name stands for: looked up once."""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator, Sequence
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
)

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""Looks a host and port up and returns its addresses as text; raises OSError or UnicodeError."""

NAT64 = IPv6Network("64:ff9b::/96")  # RFC 6052; `is_global` is True for all of it

# Unicast space of the Internet. What else IPv6 has is local, reserved or a translation whose
# target only the local network knows (64:ff9b:1::/48, RFC 8215).
IPV6_INTERNET = IPv6Network("2000::/3")

# Not the Internet, though some versions of `ipaddress` call them global.
CLOSED: tuple[IPv4Network | IPv6Network, ...] = (
    IPv4Network("100.64.0.0/10"),  # carrier-grade NAT; metadata of one cloud
    IPv4Network("168.63.129.16/32"),  # metadata of another
    IPv4Network("192.0.0.0/24"),  # protocol assignments; metadata of a third
    IPv4Network("192.88.99.0/24"),  # 6to4 relays, RFC 7526
    IPv6Network("2001::/23"),  # protocol assignments; Teredo is unwrapped before
    IPv6Network("2001:db8::/32"),
    IPv6Network("3fff::/20"),  # documentation, RFC 9637
)


class NotSent(Exception):
    """Nothing reached the other side; `reason` is a snake_case key and all that is said."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def is_public(address: str) -> bool:
    """Say whether an address, and every address wrapped in it, is on the public Internet.

    Unwraps IPv4-mapped, NAT64 (RFC 6052), 6to4 (RFC 3056) and Teredo (RFC 4380, server and
    client). False for text that is no address and for addresses with a scope.
    """
    try:
        whole = ip_address(address)
    except ValueError:
        return False
    return all(map(_on_the_internet, _unwrapped(whole)))


def _unwrapped(address: IPv4Address | IPv6Address) -> Iterator[IPv4Address | IPv6Address]:
    if isinstance(address, IPv6Address) and not address.scope_id:
        if address.ipv4_mapped:
            yield address.ipv4_mapped
            return
        if address in NAT64:
            yield IPv4Address(int(address) & 0xFFFF_FFFF)
            return
        if address.sixtofour:
            yield address.sixtofour
            return
        if address.teredo:
            yield from address.teredo
            return
    yield address


def _on_the_internet(address: IPv4Address | IPv6Address) -> bool:
    if isinstance(address, IPv6Address) and (address.scope_id or address not in IPV6_INTERNET):
        return False
    if address.is_multicast or address.is_reserved or not address.is_global:
        return False
    return not any(address in network for network in CLOSED)


async def resolve(host: str, port: int) -> Sequence[str]:
    """Ask the system for the addresses of a host, best first."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    return [str(sockaddr[0]) for *_, sockaddr in found]


class Gate:
    """Lets through public addresses, and hosts that are listed by name.

    `allow_private_hosts` holds `host` or `host:port`; a listed host may have any address.
    """

    def __init__(
        self, allow_private_hosts: Collection[str] = (), resolve: Resolve = resolve
    ) -> None:
        self._allowed = frozenset(_listed(allow_private_hosts))
        self._resolve = resolve

    async def addresses(self, host: str, port: int) -> Sequence[str]:
        """Return the addresses to connect to, best first, or raise `NotSent`.

        `host` is ASCII, without brackets. One look-up; if any of its answers is refused, all are,
        because a name that is half private is an attack or a mistake.
        """
        host = host.lower().rstrip(".")
        allowed = not self._allowed.isdisjoint({(host, None), (host, port)})
        if not allowed and _is_disguised(host):
            raise NotSent("address_refused")
        found = dict.fromkeys(await self._look_up(host, port))
        if not found:
            raise NotSent("dns_failed")
        if not allowed and not all(map(is_public, found)):
            raise NotSent("address_refused")
        return list(found)

    async def _look_up(self, host: str, port: int) -> Sequence[str]:
        try:
            return await self._resolve(host, port)
        except (OSError, UnicodeError):
            return ()


def _listed(entries: Iterable[str]) -> Iterator[tuple[str, int | None]]:
    for text in filter(None, (entry.strip().lower() for entry in entries)):
        host, colon, port = text.rpartition(":")
        if colon and port.isascii() and port.isdigit() and (host.endswith("]") or ":" not in host):
            yield host.strip("[]").rstrip("."), int(port)
        else:
            yield text.strip("[]").rstrip("."), None


def _is_disguised(host: str) -> bool:
    # The system's resolver takes 2130706433, 0x7f.1 and 0177.0.0.1 for addresses; a name never
    # ends in a number (URL standard, "ends in a number").
    last = host.rpartition(".")[2]
    if not (last.isdigit() or last.startswith("0x")):
        return False
    try:
        IPv4Address(host)
    except ValueError:
        return True
    return False
