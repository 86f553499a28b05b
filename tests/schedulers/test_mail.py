"""Mail as a real server on loopback takes it: addresses checked, no header that is none."""

import asyncio
import ssl
from collections.abc import Sequence
from datetime import UTC, datetime
from email import message_from_bytes
from email.headerregistry import Address
from email.policy import default
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schedulers import mail
from schedulers.connector import Refused, TryLater, Unknown
from schedulers.mail import (
    BadMailSettings,
    Letter,
    Mailer,
    Taken,
    mailer_of,
    message_of,
    sender_of,
    server_of,
)
from schedulers.settings import SchedulerSettings
from tests.schedulers.post_office import PASSWORD, USER, PostOffice, post_office
from tests.schedulers.wires import certificate

NOW = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
SENDER = sender_of("Pilar <pilar@office.example>")
LETTER = Letter(
    to="sari@biro.example",
    subject="Gagal tayang: “Naskah kuno” di Berita",
    text="“Naskah kuno” gagal.\nMinta dicoba lagi.",
    language="id",
    key="01a20c80-e019-75d6-a9ac-a01c8d35d13b",
)
HEADERS = {
    "From",
    "To",
    "Subject",
    "Date",
    "Message-ID",
    "Auto-Submitted",
    "Content-Language",
    "Content-Type",
    "Content-Transfer-Encoding",
    "MIME-Version",
}


def mailer(
    office: PostOffice,
    scheme: str = "smtp",
    trust: ssl.SSLContext | None = None,
    *,
    login: str = "",
    hosts: frozenset[str] = frozenset({"localhost"}),
    addresses: Sequence[str] = ("127.0.0.1",),
) -> Mailer:
    async def found(host: str, port: int) -> Sequence[str]:
        return addresses

    server = server_of(f"{scheme}://{login}localhost:{office.port}")
    trust = trust or ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    return Mailer(server, SENDER, hosts, resolve=found, trust=trust)


async def test_a_letter_arrives_as_it_was_meant() -> None:
    async with post_office() as office:
        outcome = await mailer(office).send(LETTER, NOW)

    (message,) = office.taken
    assert outcome == Taken()
    assert office.envelopes == [("pilar@office.example", ["sari@biro.example"])]
    assert office.greetings == ["office.example"]
    assert set(message.keys()) == HEADERS
    assert {name: str(message[name]) for name in HEADERS if name[:4] not in {"Cont", "MIME"}} == {
        "From": "Pilar <pilar@office.example>",
        "To": "sari@biro.example",
        "Subject": "Gagal tayang: “Naskah kuno” di Berita",
        "Date": "Mon, 02 Mar 2026 01:00:00 +0000",
        "Message-ID": "<01a20c80-e019-75d6-a9ac-a01c8d35d13b@office.example>",
        "Auto-Submitted": "auto-generated",
    }
    assert message["Content-Language"] == "id"
    assert message.get_content().splitlines() == ["“Naskah kuno” gagal.", "Minta dicoba lagi."]


@pytest.mark.parametrize("implicit", [True, False])
async def test_the_password_travels_inside_tls_to_the_name_of_the_server(
    tmp_path: Path, implicit: bool
) -> None:
    server, trust = certificate("localhost", tmp_path)
    scheme = "smtps" if implicit else "smtp+starttls"
    login = f"{USER}:{quote(PASSWORD, safe='')}@"

    async with post_office(server, implicit=implicit, login=True) as office:
        outcome = await mailer(office, scheme, trust, login=login).send(LETTER, NOW)

    assert (outcome, office.logins) == (Taken(), [(USER, PASSWORD)])


@pytest.mark.parametrize("implicit", [True, False])
async def test_a_certificate_of_another_name_gets_nothing(tmp_path: Path, implicit: bool) -> None:
    server, trust = certificate("mail.example", tmp_path)
    scheme = "smtps" if implicit else "smtp+starttls"

    async with post_office(server, implicit=implicit, login=True) as office:
        outcome = await mailer(office, scheme, trust, login="a:b@").send(LETTER, NOW)

    assert outcome == TryLater("tls_failed", None, counts=True)
    assert (office.taken, office.logins) == ([], [])


async def test_a_server_without_starttls_gets_nothing() -> None:
    async with post_office() as office:
        outcome = await mailer(office, "smtp+starttls", login="a:b@").send(LETTER, NOW)

    assert outcome == TryLater("mail_server_unfit", None, counts=True)
    assert (office.taken, office.logins) == ([], [])


async def test_a_wrong_password_is_told(tmp_path: Path) -> None:
    server, trust = certificate("localhost", tmp_path)

    async with post_office(server, login=True) as office:
        outcome = await mailer(office, "smtp+starttls", trust, login="pilar:salah@").send(
            LETTER, NOW
        )

    assert outcome == TryLater("mail_login_refused", None, counts=True, evidence={"code": "535"})
    assert office.taken == []


@pytest.mark.parametrize(
    ("command", "said", "outcome"),
    [
        ("RCPT", "550 no such user", Refused("recipient_refused", "550")),
        (
            "RCPT",
            "450 greylisted",
            TryLater("mail_server_busy", None, counts=True, evidence={"code": "450"}),
        ),
        (
            "MAIL",
            "553 not you",
            TryLater("mail_sender_refused", None, counts=True, evidence={"code": "553"}),
        ),
        ("DATA", "554 spam", Refused("mail_refused", "554")),
        (
            "DATA",
            "452 full",
            TryLater("mail_server_busy", None, counts=True, evidence={"code": "452"}),
        ),
        ("DATA", "hang up", Unknown("connection_lost")),
    ],
)
async def test_what_the_server_says_is_understood(command: str, said: str, outcome: Any) -> None:
    async with post_office(says={command: said}) as office:
        assert await mailer(office).send(LETTER, NOW) == outcome

    assert office.taken == []


async def test_a_server_that_thinks_for_too_long_may_have_taken_it() -> None:
    async with post_office() as office:
        office.slow_seconds = 1
        server = server_of(f"smtp://localhost:{office.port}")
        sends = Mailer(server, SENDER, {"localhost"}, timeout_seconds=0.3)
        outcome = await sends.send(LETTER, NOW)

    assert outcome == Unknown("answer_timeout")


async def test_a_server_that_is_not_there_is_told() -> None:
    async with post_office() as office:
        pass

    assert await mailer(office).send(LETTER, NOW) == TryLater("connect_failed", None, counts=True)


async def test_a_server_that_hangs_up_at_once_is_told() -> None:
    async def hang_up(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    async with server:
        office = PostOffice(port=server.sockets[0].getsockname()[1])
        outcome = await mailer(office).send(LETTER, NOW)

    assert outcome == TryLater("connect_failed", None, counts=True)


@pytest.mark.parametrize("addresses", [["127.0.0.1"], ["10.0.0.1"], ["8.8.8.8", "127.0.0.1"]])
async def test_a_private_server_must_be_allowed_by_name(addresses: list[str]) -> None:
    async with post_office() as office:
        sends = mailer(office, hosts=frozenset(), addresses=addresses)
        outcome = await sends.send(LETTER, NOW)

    assert outcome == TryLater("address_refused", None, counts=True)
    assert office.greetings == []


async def test_a_dead_address_leaves_the_next_one() -> None:
    async with post_office() as office:
        outcome = await mailer(office, addresses=["127.0.0.9", "127.0.0.1"]).send(LETTER, NOW)

    assert outcome == Taken()


@given(st.text(), st.text(), st.text())
def test_no_text_becomes_a_header(name: str, subject: str, text: str) -> None:
    sender = Address(mail._line(name), "pilar", "office.example")
    letter = Letter("sari@biro.example", subject, text, "id", "k")

    message = message_from_bytes(message_of(letter, sender, NOW).as_bytes(), policy=default)

    assert sorted(message.keys()) == sorted(HEADERS)
    assert str(message["To"]) == "sari@biro.example"
    assert message["From"].addresses[0].addr_spec == "pilar@office.example"


@pytest.mark.parametrize("end", ["\r\n", "\n", "\r", "\u2028", "\x85", "\x0b"])
def test_a_title_with_a_line_break_stays_one_line(end: str) -> None:
    letter = Letter("sari@biro.example", f"Judul{end}Bcc: x@y.example", f"a{end}.{end}b", "id", "k")

    message = message_from_bytes(message_of(letter, SENDER, NOW).as_bytes(), policy=default)

    assert str(message["Subject"]) == "Judul Bcc: x@y.example"
    assert "Bcc" not in message


@pytest.mark.parametrize(
    "url",
    [
        "localhost:25",
        "http://mail.example",
        "smtp://",
        "smtp://mail.example:0",
        "smtp://mail.example:99999",
        "smtp://mail.example/path",
        "smtp://pilar:rahasia@mail.example",
        "smtps://pilar@mail.example",
        "smtps://[half",
    ],
)
def test_a_server_that_is_none_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(BadMailSettings) as error:
        server_of(url)

    assert "rahasia" not in str(error.value)


def test_a_server_is_read_with_its_port_and_what_is_percent_encoded() -> None:
    servers = [
        server_of("smtps://pi%40lar:a%2Fb@Mail.Example"),
        server_of("smtp+starttls://mail.example"),
    ]

    assert [(each.host, each.port, each.user, each.password) for each in servers] == [
        ("mail.example", 465, "pi@lar", "a/b"),
        ("mail.example", 587, "", ""),
    ]
    assert "a/b" not in repr(servers)


def test_without_a_server_nothing_is_sent_and_with_one_a_sender_is_needed() -> None:
    read: Any = SchedulerSettings
    server = "smtps://pilar:rahasia@mail.example"

    assert mailer_of("", "", frozenset()) is None
    with pytest.raises(ValueError, match="mail_from") as missing:
        read(smtp_url=server, _env_file=None)
    with pytest.raises(ValueError, match="smtp_url") as plain:
        read(smtp_url="smtp://pilar:rahasia@mail.example", _env_file=None)

    settings = read(smtp_url=server, mail_from="Pilar <a@b.example>", _env_file=None)
    said = [str(missing.value), str(plain.value), repr(settings)]
    assert [text for text in said if "rahasia" in text] == []
