"""Alerts by mail: in the office's language, final where the address is none."""

from dataclasses import replace

import pytest

from app.alert_speech import render
from schedulers.alerting import Alerter, deliver
from schedulers.mail import Mailer, sender_of, server_of
from schedulers.outbound import Outbound
from store.db import Store
from tests.conftest import RING, Clock
from tests.schedulers.alerts import alerter_of, deliveries, failed, outcomes, target
from tests.schedulers.post_office import PostOffice, post_office
from tests.world import World


@pytest.fixture
def alerter(world: World, outbound: Outbound) -> Alerter:
    return alerter_of(world, outbound)


def mailer(office: PostOffice) -> Mailer:
    server = server_of(f"smtp://localhost:{office.port}")
    return Mailer(server, sender_of("Pilar <pilar@office.example>"), {"localhost"})


@pytest.mark.parametrize(
    ("locale", "subject", "line"),
    [
        (
            "id",
            "[biro] Gagal tayang: “Naskah kuno” di berita",
            "Penerima menolaknya: alasannya ada di log penerima.",
        ),
        (
            "en",
            "[biro] Did not go out: “Naskah kuno” on berita",
            "The receiver refused it: its log says why.",
        ),
    ],
)
async def test_mail_comes_in_the_language_of_the_office(
    store: Store, clock: Clock, outbound: Outbound, locale: str, subject: str, line: str
) -> None:
    world = await World.found(store, clock, locale=locale)
    await target(world, "sari@biro.example", medium="email", kinds=["failed"])
    row_id = await failed(world)

    async with post_office() as office:
        alerter = Alerter(
            store, RING, outbound, mailer(office), "https://pilar.example", "w1", render, clock
        )
        await deliver(alerter)

    (message,) = office.taken
    (delivery,) = await deliveries(world)
    lines = message.get_content().splitlines()
    assert (str(message["Subject"]), str(message["To"])) == (subject, "sari@biro.example")
    assert message["Message-ID"] == f"<{delivery.id}@office.example>"
    assert line in lines
    assert lines[-1] == f"https://pilar.example/api/v1/workspaces/biro/publications/{row_id}"
    assert (delivery.status, outcomes(delivery)) == ("delivered", [("delivered", None, "")])


async def test_an_address_that_is_none_is_final_and_a_busy_server_is_not(
    world: World, alerter: Alerter
) -> None:
    await target(world, "sari@biro.example", medium="email")
    await failed(world)

    async with post_office(says={"RCPT": "450 greylisted"}) as office:
        alerter = replace(alerter, mailer=mailer(office))
        await deliver(alerter)
        office.says["RCPT"] = "550 no such user"
        world.clock.forward(seconds=5)
        await deliver(alerter)

    (delivery,) = await deliveries(world)
    assert (delivery.status, outcomes(delivery)) == (
        "failed",
        [("again", "mail_server_busy", "450"), ("refused", "recipient_refused", "550")],
    )


async def test_without_a_mail_server_mail_waits_for_one(world: World, alerter: Alerter) -> None:
    await target(world, "sari@biro.example", medium="email")
    await failed(world)

    await deliver(alerter)

    (delivery,) = await deliveries(world)
    assert (delivery.status, outcomes(delivery)) == ("waiting", [("again", "mail_off", "")])
