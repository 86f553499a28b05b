"""The one HTTP client: what it sends, what it bounds, and what it tells apart."""

import asyncio
import gzip
import logging
import socket
import traceback
import zlib
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schedulers.outbound import Answer, NoAnswer, NotSent, Outbound
from tests.schedulers.wires import Behaviour, Seen, reason_of, says, wire

HELLO = says("200 OK", b'{"id":"7"}')


@pytest.fixture
async def outbound() -> AsyncIterator[Outbound]:
    outbound = Outbound(allow_private_hosts={"127.0.0.1"})
    yield outbound
    await outbound.aclose()


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

    assert reason == "NotSent: connect_failed"


async def test_a_server_that_never_accepts_is_not_sent() -> None:
    async def slow(_host: str, _port: int) -> Sequence[str]:
        await asyncio.sleep(60)
        return []

    outbound = Outbound(resolve=slow)
    reason = await reason_of(outbound, "http://slow.example/", timeout_seconds=0.1)
    await outbound.aclose()

    assert reason == "NotSent: connect_timeout"


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


BOMB = gzip.compress(b"x" * 5_000_000, mtime=0)

MISBEHAVIOUR: dict[str, tuple[bytes | Behaviour, str]] = {
    "silence": (silent, "NoAnswer: answer_timeout"),
    "slow drip": (dripping, "NoAnswer: answer_timeout"),
    "reset": (reset, "NoAnswer: connection_lost"),
    "closed": (b"", "NoAnswer: connection_lost"),
    "cut short": (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx", "NoAnswer: connection_lost"),
    "no HTTP": (b"SSH-2.0-OpenSSH_9.2\r\n", "NoAnswer: connection_lost"),
    "huge headers": (
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 300_000 + b"\r\n\r\n",
        "NoAnswer: connection_lost",
    ),
    "announced huge": (says("200 OK", b"x" * 70_000), "NoAnswer: answer_too_large"),
    "endless": (endless, "NoAnswer: answer_too_large"),
    "bomb": (says("200 OK", BOMB, Content_Encoding="gzip"), "NoAnswer: answer_too_large"),
    "unknown encoding": (
        says("200 OK", b"x", Content_Encoding="br"),
        "NoAnswer: answer_unreadable",
    ),
    "not gzip": (says("200 OK", b"??", Content_Encoding="gzip"), "NoAnswer: answer_unreadable"),
    "half gzip": (
        says("200 OK", gzip.compress(b"abc", mtime=0)[:-4], Content_Encoding="gzip"),
        "NoAnswer: answer_unreadable",
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

    assert (caught.value.reason, caught.value.status) == ("answer_too_large", 200)


@pytest.mark.parametrize(
    ("encoding", "body"),
    [("gzip", gzip.compress(b"plain", mtime=0)), ("deflate", zlib.compress(b"plain"))],
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

    assert (str(caught.value), server.connections) == ("request_malformed", 0)


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
