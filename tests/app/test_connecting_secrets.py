"""Nothing of connecting an account is found again: no ticket, state, code, verifier or token."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import pytest

from app import logs
from app.deps import House
from schedulers.connector import Account, Granted
from schedulers.outbound import Outbound
from tests.app.conftest import found_office
from tests.app.logins import dump
from tests.app.oauth import (
    CLIENT_SECRET,
    COOKIE,
    Browser,
    answers,
    back,
    pasar_channel,
    tokens,
)
from tests.app.pasar import PasarConnector
from tests.conftest import Client, app_of
from tests.planted import found, fresh
from tests.schedulers.wires import says, wire

pytestmark = pytest.mark.usefixtures("knows_pasar")


class Clumsy(PasarConnector):
    """Crashes at a certain code, with everything in its hands."""

    async def exchange(
        self, account: Account, *, code: str, verifier: str, redirect_uri: str, now: datetime
    ) -> Any:
        if code.startswith("jatuh"):
            form = {"code": code, "code_verifier": verifier, "client_secret": CLIENT_SECRET}
            raise ConnectionError(f"refused {form}", account, Granted(account.secrets, None))
        return await super().exchange(
            account, code=code, verifier=verifier, redirect_uri=redirect_uri, now=now
        )


async def go(
    person: Client, path: str, kind: str, planted: dict[str, str], **more: str
) -> list[str]:
    """Go to the platform and back; return everything that was shown on the way."""
    here = Browser.of(person)
    begun = await person("POST", f"{path}/connect")
    ticket = parse_qs(urlsplit(begun.json()["url"]).query)["ticket"][0]
    away = await here.open(begun.json()["url"])
    carried = dict(parse_qsl(urlsplit(away.headers["location"]).query))
    code = f"{kind}-{fresh('kode')}"
    planted |= {
        f"{kind}: ticket": ticket,
        f"{kind}: state": carried["state"],
        f"{kind}: browser": here.cookies[COOKIE],
        f"{kind}: code": code,
    }
    again = await here.open(begun.json()["url"])
    page = await here.open(back(state=carried["state"], code=code, **more))
    late = await here.open(back(state=carried["state"], code=code, **more))
    return [f"{each.headers!r} {each.text}" for each in (again, page, late)]


@pytest.mark.usefixtures("data_folder")
@pytest.mark.parametrize("form", ["console", "json"])
async def test_no_secret_of_connecting_is_found_again(
    house: House,
    http: Any,
    outbound: Outbound,
    form: str,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    logs.configure("debug", form)
    house = replace(house, connectors={**house.connectors, "pasar": Clumsy(outbound)})
    app_of(house)
    office = await found_office(house, http, "biro")
    planted: dict[str, str] = {"client secret": CLIENT_SECRET}
    given = tokens(fresh("token"))
    planted |= {name: given[name] for name in ("access_token", "refresh_token")}
    quoting = {"error": "invalid_grant", "error_description": f"{CLIENT_SECRET} is wrong"}
    shown: list[str] = []

    async with wire(
        answers(quoting, "400 Bad Request"), answers(given), says("500 Internal Server Error")
    ) as platform:
        path = await pasar_channel(office, platform.url(""))
        for kind, more in (
            ("tolak", {}),
            ("jatuh", {}),
            ("palsu", {"iss": "https://lain.example"}),
            ("baik", {}),
        ):
            shown += await go(office.manager, path, kind, planted, **more)
        planted |= verifiers(platform.seen)
        kept = await dump(house.store)
        told = await office.manager.ok("POST", f"{path}/disconnect")
    begun = await office.manager.ok("POST", f"{path}/connect")
    waiting = await dump(house.store)
    planted["a ticket that waits"] = begun["url"].rpartition("=")[2]

    log = capsys.readouterr().err
    places: Mapping[str, str] = {
        "the log": log,
        "a page": "\n".join(shown),
        "the database": kept,
        "the database of somebody on the way": waiting,
        "an answer": str(told),
    }
    assert found(planted, places) == []
    assert len(planted) >= 20
    assert (log.count("connector crashed"), "raise ConnectionError(" in log) == (1, True)
    assert len([each for each in shown if "The account is connected" in each]) == 1


def verifiers(seen: list[Any]) -> dict[str, str]:
    """Return the verifiers that a platform got."""
    forms = [dict(parse_qsl(each.body.decode())) for each in seen]
    return {f"verifier {number}": form["code_verifier"] for number, form in enumerate(forms)}
