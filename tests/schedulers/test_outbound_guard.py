"""The one HTTP client: where it does not go, whatever a name or a redirect says."""

from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from schedulers.outbound import Outbound
from tests.schedulers.wires import Seen, certificate, reason_of, says, wire

HELLO = says("200 OK", b"{}")


@pytest.fixture
async def outbound() -> AsyncIterator[Outbound]:
    outbound = Outbound(allow_private_hosts={"127.0.0.1"})
    yield outbound
    await outbound.aclose()


PRIVATE = [
    "http://127.0.0.1:{port}/",
    "http://localhost:{port}/",
    "http://127.1:{port}/",
    "http://2130706433:{port}/",
    "http://0x7f000001:{port}/",
    "http://0x7f.0.0.1:{port}/",
    "http://017700000001:{port}/",
    "http://0:{port}/",
    "http://0.0.0.0:{port}/",
    "http://[::1]:{port}/",
    "http://[::]:{port}/",
    "http://[::ffff:127.0.0.1]:{port}/",
    "http://[::ffff:7f00:1]:{port}/",
    "http://[64:ff9b::7f00:1]:{port}/",
    "http://[64:ff9b:1::7f00:1]:{port}/",
    "http://[2002:7f00:1::]:{port}/",
    "http://10.0.0.1:{port}/",
    "http://172.16.0.1:{port}/",
    "http://192.168.0.1:{port}/",
    "http://169.254.169.254/latest/meta-data/",
    "http://[fd00:ec2::254]/latest/meta-data/",
    "http://100.64.0.1:{port}/",
    "http://224.0.0.1:{port}/",
    "http://[fe80::1]:{port}/",
]

MALFORMED = [
    "http://0177.0.0.1:{port}/",
    "http://1.1.1.1\\@127.0.0.1:{port}/",
    "http://1.1.1.1@127.0.0.1:{port}/",
    "http://user:planted@127.0.0.1:{port}/",
    "http://%31%32%37.0.0.1:{port}/",
    "http://１２７.0.0.1:{port}/",  # noqa: RUF001
    "http://[fe80::1%25lo]:{port}/",
    "http://127.0.0.1:0/",
    "http://127.0.0.1:99999/",
    "http:///path",
    "file:///etc/passwd",
    "gopher://127.0.0.1:{port}/",
    "ftp://127.0.0.1:{port}/",
    "//127.0.0.1:{port}/",
    "127.0.0.1:{port}",
    "",
    "http://127.0.0.1:{port}/\nHost: evil",
]


@pytest.mark.parametrize("url", PRIVATE)
async def test_no_form_of_a_private_address_is_connected_to(url: str) -> None:
    outbound = Outbound()
    async with wire(HELLO) as canary:
        reason = await reason_of(outbound, url.format(port=canary.port))
    await outbound.aclose()

    assert (reason, canary.connections) == ("NotSent: address_refused", 0)


@pytest.mark.parametrize("url", MALFORMED)
async def test_what_is_no_plain_web_address_is_not_sent(outbound: Outbound, url: str) -> None:
    async with wire(HELLO) as canary:
        reason = await reason_of(outbound, url.format(port=canary.port))

    assert (reason, canary.connections) == ("NotSent: url_malformed", 0)


async def test_the_canary_sings_when_a_private_host_is_allowed(outbound: Outbound) -> None:
    async with wire(HELLO) as canary:
        reason = await reason_of(outbound, canary.url())

    assert (reason, canary.connections) == ("200", 1)


async def test_a_name_that_rebinds_is_looked_up_once_and_never_followed() -> None:
    asked = []

    async def rebinding(host: str, _port: int) -> Sequence[str]:
        asked.append(host)
        # Public and not handed out to anyone: nothing answers there.
        return ["2d00::1"] if len(asked) == 1 else ["127.0.0.1"]

    outbound = Outbound(resolve=rebinding)
    async with wire(HELLO) as canary:
        url = canary.url(host="rebind.example")
        first = await reason_of(outbound, url, timeout_seconds=0.2)
        looked_up = len(asked)
        second = await reason_of(outbound, url)
    await outbound.aclose()

    assert first.startswith("NotSent: connect_")
    assert (looked_up, second, canary.connections) == (1, "NotSent: address_refused", 0)


async def test_an_ipv6_address_is_connected_to_as_well() -> None:
    outbound = Outbound({"[::1]"})
    try:
        async with wire(HELLO, host="::1") as server:
            reason = await reason_of(outbound, server.url(host="[::1]"))
    except OSError:
        pytest.skip("this machine has no IPv6")
    await outbound.aclose()

    assert (reason, server.seen[0].headers["host"]) == ("200", f"[::1]:{server.port}")


async def test_a_redirect_is_not_followed_unless_asked_for(outbound: Outbound) -> None:
    async with wire(HELLO) as canary, wire(says("302 Found", Location=canary.url())) as server:
        answer = await outbound.request("GET", server.url(), headers={})

    assert (answer.status, canary.connections) == (302, 0)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.2", "[::1]", "2130706433"])
async def test_a_redirect_to_a_private_address_is_refused(outbound: Outbound, host: str) -> None:
    async with (
        wire(HELLO) as canary,
        wire(says("302 Found", Location=canary.url(host=host))) as server,
    ):
        reason = await reason_of(outbound, server.url(), redirects=3)

    assert (reason, canary.connections) == ("NotSent: address_refused", 0)


async def test_a_redirect_to_another_scheme_is_refused(outbound: Outbound) -> None:
    async with wire(says("302 Found", Location="file:///etc/passwd")) as server:
        reason = await reason_of(outbound, server.url(), redirects=3)

    assert reason == "NotSent: url_malformed"


async def test_at_most_three_redirects_are_followed(outbound: Outbound) -> None:
    async with wire(says("302 Found", Location="/again")) as server:
        answer = await outbound.request("GET", server.url("/"), headers={}, redirects=99)

    assert (answer.status, len(server.seen)) == (302, 4)


async def test_a_post_is_never_sent_on_by_a_redirect(outbound: Outbound) -> None:
    async with wire(says("307 Temporary Redirect", Location="/again")) as server:
        answer = await outbound.request("POST", server.url(), headers={}, redirects=3)

    assert (answer.status, len(server.seen)) == (307, 1)


async def test_credentials_stay_with_the_origin_they_were_meant_for(outbound: Outbound) -> None:
    headers = {"Authorization": "Bearer planted", "X-Token": "planted", "Accept": "text/html"}
    async with wire(HELLO) as other, wire(says("302 Found", Location=other.url("/b"))) as server:
        answer = await outbound.request("GET", server.url("/a"), headers=headers, redirects=1)

    assert (answer.status, answer.url) == (200, other.url("/b"))
    assert server.seen[0].headers["authorization"] == "Bearer planted"
    assert other.seen == [
        Seen(
            "GET /b HTTP/1.1",
            {
                "user-agent": "Pilar",
                "accept": "text/html",
                "host": f"127.0.0.1:{other.port}",
                "accept-encoding": "identity",
                "connection": "close",
            },
            b"",
        )
    ]


async def at_home(_host: str, _port: int) -> Sequence[str]:
    return ["127.0.0.1"]


async def test_host_and_sni_stay_the_name_while_the_address_is_pinned(tmp_path: Path) -> None:
    server_tls, client_tls = certificate("receiver.example", tmp_path)
    outbound = Outbound({"receiver.example"}, resolve=at_home, trust=client_tls)
    async with wire(HELLO, tls=server_tls) as server:
        url = server.url(host="receiver.example", scheme="https")
        answer = await outbound.request("GET", url, headers={})
    await outbound.aclose()

    assert (answer.status, answer.url, server.names) == (200, url, ["receiver.example"])
    assert server.seen[0].headers["host"] == f"receiver.example:{server.port}"


async def test_a_certificate_for_another_name_ends_it_before_anything_is_sent(
    tmp_path: Path,
) -> None:
    server_tls, client_tls = certificate("other.example", tmp_path)
    outbound = Outbound({"receiver.example"}, resolve=at_home, trust=client_tls)
    async with wire(HELLO, tls=server_tls) as server:
        url = server.url(host="receiver.example", scheme="https")
        reason = await reason_of(outbound, url)
    await outbound.aclose()

    assert (reason, server.seen) == ("NotSent: tls_failed", [])


async def test_https_does_not_lead_to_http(tmp_path: Path) -> None:
    server_tls, client_tls = certificate("receiver.example", tmp_path)
    outbound = Outbound({"receiver.example", "127.0.0.1"}, resolve=at_home, trust=client_tls)
    async with (
        wire(HELLO) as canary,
        wire(says("302 Found", Location=canary.url()), tls=server_tls) as server,
    ):
        url = server.url(host="receiver.example", scheme="https")
        reason = await reason_of(outbound, url, redirects=3)
    await outbound.aclose()

    assert (reason, canary.connections) == ("NotSent: redirect_refused", 0)


async def test_a_dead_address_leaves_the_next_one_its_turn() -> None:
    async def two(_host: str, _port: int) -> Sequence[str]:
        return ["127.0.0.2", "127.0.0.1"]

    outbound = Outbound({"receiver.example"}, resolve=two)
    async with wire(HELLO) as server:
        reason = await reason_of(outbound, server.url(host="receiver.example"))
    await outbound.aclose()

    assert (reason, server.connections) == ("200", 1)
