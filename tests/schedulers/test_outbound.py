"""The one HTTP client: what it refuses, what it bounds, and what it tells apart."""

import asyncio
import gzip
import logging
import socket
import traceback
import zlib
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schedulers.outbound import Answer, NoAnswer, NotSent, Outbound
from tests.schedulers.wires import Behaviour, Seen, certificate, says, wire

HELLO = says("200 OK", b'{"id":"7"}')


@pytest.fixture
async def outbound() -> AsyncIterator[Outbound]:
    outbound = Outbound(allow_private_hosts={"127.0.0.1"})
    yield outbound
    await outbound.aclose()


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


async def test_a_request_arrives_whole_and_its_answer_comes_back(outbound: Outbound) -> None:
    async with wire(says("201 Created", b"made", X_Id="9")) as server:
        answer = await outbound.request(
            "POST", server.url("/a?b=c"), headers={"X-Key": "k"}, content=b"text"
        )

    assert answer == Answer(
        201, {"content-length": "4", "x-id": "9"}, b"made", server.url("/a?b=c")
    )
    assert server.seen == [
        Seen(
            "POST /a?b=c HTTP/1.1",
            {
                "user-agent": "Pilar",
                "accept": "*/*",
                "x-key": "k",
                "host": f"127.0.0.1:{server.port}",
                "accept-encoding": "identity",
                "connection": "close",
                "content-length": "4",
            },
            b"text",
        )
    ]


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

    assert (reason, canary.connections) == ("NotSent: address-refused", 0)


@pytest.mark.parametrize("url", MALFORMED)
async def test_what_is_no_plain_web_address_is_not_sent(outbound: Outbound, url: str) -> None:
    async with wire(HELLO) as canary:
        reason = await reason_of(outbound, url.format(port=canary.port))

    assert (reason, canary.connections) == ("NotSent: url-malformed", 0)


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

    assert first.startswith("NotSent: connect-")
    assert (looked_up, second, canary.connections) == (1, "NotSent: address-refused", 0)


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

    assert (reason, canary.connections) == ("NotSent: address-refused", 0)


async def test_a_redirect_to_another_scheme_is_refused(outbound: Outbound) -> None:
    async with wire(says("302 Found", Location="file:///etc/passwd")) as server:
        reason = await reason_of(outbound, server.url(), redirects=3)

    assert reason == "NotSent: url-malformed"


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

    assert (reason, server.seen) == ("NotSent: tls-failed", [])


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

    assert (reason, canary.connections) == ("NotSent: redirect-refused", 0)


async def test_a_dead_address_leaves_the_next_one_its_turn() -> None:
    async def two(_host: str, _port: int) -> Sequence[str]:
        return ["127.0.0.2", "127.0.0.1"]

    outbound = Outbound({"receiver.example"}, resolve=two)
    async with wire(HELLO) as server:
        reason = await reason_of(outbound, server.url(host="receiver.example"))
    await outbound.aclose()

    assert (reason, server.connections) == ("200", 1)


async def test_proxies_of_the_environment_are_ignored(
    outbound: Outbound, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with wire(HELLO) as proxy, wire(HELLO) as server:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy.url(""))
        reason = await reason_of(outbound, server.url())

    assert (reason, proxy.connections, server.connections) == ("200", 0, 1)


async def test_a_port_where_nobody_listens_is_not_sent(outbound: Outbound) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        reason = await reason_of(outbound, f"http://127.0.0.1:{taken.getsockname()[1]}/")

    assert reason == "NotSent: connect-failed"


async def test_a_server_that_never_accepts_is_not_sent() -> None:
    async def slow(_host: str, _port: int) -> Sequence[str]:
        await asyncio.sleep(60)
        return []

    outbound = Outbound(resolve=slow)
    reason = await reason_of(outbound, "http://slow.example/", timeout_seconds=0.1)
    await outbound.aclose()

    assert reason == "NotSent: connect-timeout"


async def silent(_writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(60)


async def dripping(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
    for _ in range(1000):
        writer.write(b"x")
        await writer.drain()
        await asyncio.sleep(0.02)


async def reset(writer: asyncio.StreamWriter) -> None:
    writer.transport.abort()


async def endless(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    for _ in range(10_000):
        writer.write(b"400\r\n" + b"x" * 1024 + b"\r\n")
        await writer.drain()


BOMB = gzip.compress(b"x" * 5_000_000)

MISBEHAVIOUR: dict[str, tuple[bytes | Behaviour, str]] = {
    "silence": (silent, "NoAnswer: answer-timeout"),
    "slow drip": (dripping, "NoAnswer: answer-timeout"),
    "reset": (reset, "NoAnswer: connection-lost"),
    "closed": (b"", "NoAnswer: connection-lost"),
    "cut short": (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx", "NoAnswer: connection-lost"),
    "no HTTP": (b"SSH-2.0-OpenSSH_9.2\r\n", "NoAnswer: connection-lost"),
    "huge headers": (
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 300_000 + b"\r\n\r\n",
        "NoAnswer: connection-lost",
    ),
    "announced huge": (says("200 OK", b"x" * 70_000), "NoAnswer: answer-too-large"),
    "endless": (endless, "NoAnswer: answer-too-large"),
    "bomb": (says("200 OK", BOMB, Content_Encoding="gzip"), "NoAnswer: answer-too-large"),
    "unknown encoding": (
        says("200 OK", b"x", Content_Encoding="br"),
        "NoAnswer: answer-unreadable",
    ),
    "not gzip": (says("200 OK", b"x", Content_Encoding="gzip"), "NoAnswer: answer-unreadable"),
    "half gzip": (
        says("200 OK", gzip.compress(b"abc")[:-4], Content_Encoding="gzip"),
        "NoAnswer: answer-unreadable",
    ),
    "no content": (b"HTTP/1.1 204 No Content\r\n\r\n", "204"),
    "server error": (says("500 Oops", b"<html>"), "500"),
}


@pytest.mark.parametrize("name", MISBEHAVIOUR)
async def test_once_something_was_sent_only_a_whole_answer_counts(
    outbound: Outbound, name: str
) -> None:
    behaviour, expected = MISBEHAVIOUR[name]
    async with wire(behaviour) as server:
        reason = await reason_of(outbound, server.url(), timeout_seconds=0.5, limit_bytes=65_536)

    assert (reason, len(server.seen)) == (expected, 1)


async def test_what_the_other_side_said_before_it_went_wrong_is_kept(outbound: Outbound) -> None:
    async with wire(says("200 OK", b"x" * 100)) as server:
        with pytest.raises(NoAnswer) as caught:
            await outbound.request("GET", server.url(), headers={}, limit_bytes=10)

    assert (caught.value.reason, caught.value.status) == ("answer-too-large", 200)


@pytest.mark.parametrize(
    ("encoding", "body"), [("gzip", gzip.compress(b"plain")), ("deflate", zlib.compress(b"plain"))]
)
async def test_an_answer_that_was_compressed_all_the_same_is_read(
    outbound: Outbound, encoding: str, body: bytes
) -> None:
    async with wire(says("200 OK", body, Content_Encoding=encoding)) as server:
        answer = await outbound.request("GET", server.url(), headers={})

    assert answer.body == b"plain"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Host", "evil.example"),
        ("host", "evil.example"),
        ("Content-Length", "1"),
        ("Transfer-Encoding", "chunked"),
        ("Connection", "keep-alive"),
        ("X-A\r\nHost", "evil.example"),
        ("X-A", "planted\r\nHost: evil.example"),
        ("X-A", "planted "),
        ("X-A", "plänted"),
        ("", "planted"),
    ],
)
async def test_a_header_cannot_turn_one_request_into_another(
    outbound: Outbound, name: str, value: str
) -> None:
    async with wire(HELLO) as server:
        with pytest.raises(NotSent) as caught:
            await outbound.request("GET", server.url(), headers={name: value})

    assert (str(caught.value), server.connections) == ("request-malformed", 0)


async def test_neither_errors_nor_logs_hold_anything_of_the_request(
    outbound: Outbound, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    told = []
    for behaviour in (HELLO, b"planted", reset, silent, says("200 OK", b"planted" * 9)):
        async with wire(behaviour) as server:
            url = server.url("/planted?token=planted")
            try:
                answer = await outbound.request(
                    "PUT",
                    url,
                    headers={"Authorization": "planted"},
                    content=b"planted",
                    timeout_seconds=0.2,
                    limit_bytes=50,
                )
                told.append(repr(answer))
            except (NotSent, NoAnswer) as error:
                told.append("".join(traceback.format_exception(error)))
                told.append(repr((error, error.__context__, error.__cause__)))

    assert len(told) == 9
    assert [text for text in told if "planted" in text] == []
    assert "planted" not in caplog.text


async def test_cancelling_leaves_nothing_open(outbound: Outbound) -> None:
    async with wire(silent) as server:
        task = asyncio.create_task(outbound.request("GET", server.url(), headers={}))
        while not server.seen:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    async with wire(HELLO) as server:
        assert await reason_of(outbound, server.url()) == "200"


NOW = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("120", 120.0),
        (" 7 ", 7.0),
        ("0", 0.0),
        ("9" * 400, 7 * 24 * 3600.0),
        ("Mon, 02 Mar 2026 01:01:00 GMT", 60.0),
        ("Mon, 02 Mar 2026 01:01:00 -0000", 60.0),
        ("Mon, 02 Mar 2026 08:01:00 +0700", 60.0),
        ("Mon, 02 Mar 2026 00:00:00 GMT", 0.0),
        ("Mon, 02 Mar 9999 00:00:00 GMT", 7 * 24 * 3600.0),
        ("Mon, 02 Mar 99999999999999999999 00:00:00 GMT", None),
        ("soon", None),
        ("-5", None),
        ("1.5", None),
        ("", None),
    ],
)
def test_retry_after_is_read_in_seconds_or_as_a_date(text: str, seconds: float | None) -> None:
    answer = Answer(429, {"retry-after": text}, b"", "")

    assert answer.retry_after_seconds(NOW) == seconds


@given(st.text())
def test_no_retry_after_can_break_the_reader(text: str) -> None:
    seconds = Answer(429, {"retry-after": text}, b"", "").retry_after_seconds(NOW)

    assert seconds is None or 0 <= seconds <= 7 * 24 * 3600


@given(st.binary() | st.just(b"[" * 100_000))
def test_no_body_can_break_the_reader(body: bytes) -> None:
    Answer(200, {}, body, "").json()
