"""Which addresses are the public Internet, and which names are let through."""

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address, IPv6Network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schedulers.addresses import Gate, NotSent, is_public

PUBLIC = ["1.1.1.1", "93.184.216.34", "103.10.10.10", "2606:4700::1111", "2a00:1450::1"]

CLOSED = [
    "127.0.0.1",
    "127.255.255.254",
    "0.0.0.0",  # noqa: S104
    "10.0.0.1",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.1.1",
    "169.254.1.1",
    "169.254.169.254",  # metadata
    "100.64.0.1",
    "100.100.100.200",  # metadata
    "168.63.129.16",  # metadata
    "192.0.0.192",  # metadata
    "192.0.2.1",
    "192.88.99.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",
    "fe80::1",
    "fe80::1%eth0",
    "2606:4700::1%eth0",
    "fec0::1",
    "fc00::1",
    "fd00:ec2::254",  # metadata
    "ff02::1",
    "2001:db8::1",
    "3fff::1",
    "5f00::1",
    "100::1",
    "64:ff9b:1::7f00:1",
    "64:ff9b:1::101:101",  # where it leads only this network knows
    "not an address",
    "",
]


@pytest.mark.parametrize("address", PUBLIC)
def test_the_internet_is_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize("address", CLOSED)
def test_what_is_not_the_internet_is_closed(address: str) -> None:
    assert not is_public(address)


def wrapped(inner: IPv4Address) -> dict[str, str]:
    number = int(inner)
    public = int(IPv4Address("1.1.1.1"))
    return {
        "mapped": str(IPv6Address(0xFFFF << 32 | number)),
        "nat64": str(IPv6Address(0x64FF9B << 96 | number)),
        "6to4": str(IPv6Address(0x2002 << 112 | number << 80)),
        "teredo client": str(
            IPv6Address(0x20010000 << 96 | public << 64 | (number ^ 0xFFFFFFFF)),
        ),
        "teredo server": str(
            IPv6Address(0x20010000 << 96 | number << 64 | (public ^ 0xFFFFFFFF)),
        ),
    }


@given(st.ip_addresses(v=4))
def test_a_wrapped_address_is_judged_by_what_is_inside(inner: IPv4Address) -> None:
    verdicts = {name: is_public(address) for name, address in wrapped(inner).items()}

    assert verdicts == dict.fromkeys(verdicts, is_public(str(inner)))


@given(st.ip_addresses(v=4))
def test_public_is_never_more_than_what_python_calls_global(address: IPv4Address) -> None:
    assert address.is_global or not is_public(str(address))


@given(st.ip_addresses(v=6))
def test_only_wrapped_addresses_are_public_outside_of_the_unicast_space(
    address: IPv6Address,
) -> None:
    inside = address in IPv6Network("2000::/3")
    wrapped = bool(address.ipv4_mapped) or address in IPv6Network("64:ff9b::/96")

    assert inside or wrapped or not is_public(str(address))


def gate(*found: str, allow: Sequence[str] = ()) -> Gate:
    async def resolve(_host: str, _port: int) -> Sequence[str]:
        return found

    return Gate(allow, resolve)


async def test_a_name_that_is_half_private_is_refused_whole() -> None:
    with pytest.raises(NotSent, match="address_refused"):
        await gate("1.1.1.1", "10.0.0.1").addresses("half.example", 443)


async def test_addresses_are_given_once_and_in_order() -> None:
    found = await gate("2606:4700::1", "1.1.1.1", "1.1.1.1").addresses("a.example", 443)

    assert found == ["2606:4700::1", "1.1.1.1"]


@pytest.mark.parametrize(
    ("entry", "host", "port", "opens"),
    [
        ("intranet", "intranet", 80, True),
        (" Intranet ", "INTRANET.", 80, True),
        ("intranet:8080", "intranet", 8080, True),
        ("intranet:8080", "intranet", 80, False),
        ("intranet", "intranet.example", 80, False),
        ("example", "evil-example", 80, False),
        ("10.0.0.1", "10.0.0.1", 80, True),
        ("10.0.0.1", "other", 80, False),
        ("::1", "::1", 80, True),
        ("[::1]", "::1", 80, True),
        ("[::1]:80", "::1", 80, True),
        ("[::1]:80", "::1", 81, False),
        ("", "", 80, False),
    ],
)
async def test_a_private_host_is_let_through_by_name_only(
    entry: str, host: str, port: int, *, opens: bool
) -> None:
    try:
        found = list(await gate("10.0.0.1", allow=[entry]).addresses(host, port))
    except NotSent:
        found = []

    assert found == (["10.0.0.1"] if opens else [])


@pytest.mark.parametrize(
    "host",
    ["2130706433", "0x7f000001", "0x7f.1", "127.1", "0177.0.0.1", "1.1.1.1.", "01.1.1.1", "a.1"],
)
async def test_an_address_in_disguise_is_not_even_looked_up(host: str) -> None:
    asked = []

    async def resolve(name: str, _port: int) -> Sequence[str]:
        asked.append(name)
        return ["1.1.1.1"]

    try:
        await Gate((), resolve).addresses(host, 80)
    except NotSent as error:
        asked.append(error.reason)

    assert asked == (["1.1.1.1"] if host == "1.1.1.1." else ["address_refused"])


@pytest.mark.parametrize("error", [OSError("planted"), UnicodeError("planted")])
async def test_a_name_that_cannot_be_looked_up_says_no_more_than_that(error: Exception) -> None:
    async def resolve(_host: str, _port: int) -> Sequence[str]:
        raise error

    with pytest.raises(NotSent) as caught:
        await Gate((), resolve).addresses("a.example", 80)

    assert (str(caught.value), caught.value.__context__) == ("dns_failed", None)
