"""Bluesky against a server that is as strict as the real one, over real HTTP."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from schedulers.connector import (
    Absent,
    CannotTell,
    Checked,
    Done,
    Prepared,
    Published,
    Revoked,
    Withdrawn,
)
from schedulers.connectors.bluesky import BlueskyConnector
from schedulers.outbound import Outbound
from schedulers.sending import account_of, outgoing_of
from store import claims
from store.blobs import FolderBlobs
from store.liveness import Alone
from tests.chaos.mortal import LOOPBACK
from tests.conftest import RING
from tests.schedulers.pds import ME, POST, Quay, ended, logged_in, quay
from tests.world import World

pytestmark = pytest.mark.parametrize("database", ["sqlite"])


@pytest.fixture
async def there(world: World, blobs: FolderBlobs, tmp_path: Path) -> AsyncIterator[Quay]:
    async with quay(world, blobs, tmp_path) as opened:
        yield opened


@pytest.fixture
async def connector() -> AsyncIterator[BlueskyConnector]:
    outbound = Outbound(LOOPBACK)
    yield BlueskyConnector(outbound)
    await outbound.aclose()


async def account(there: Quay) -> Any:
    return account_of(RING, there.world.slug, await there.connected())


async def test_a_post_has_its_words_and_what_is_marked_in_them(there: Quay) -> None:
    there.pds.handles["ayu.test"] = "did:plc:ayu"
    text = "Naskah 📜 dari @ayu.test dan @nobody.test: https://arsip.id/a?b=1. #warisan"

    found = await ended(there, await there.due(text))

    (uri,) = there.pds.records
    key = uri.rpartition("/")[2]
    assert (found.status, found.remote_id, found.handle) == ("published", uri, key)
    assert found.permalink == f"https://bsky.app/profile/{ME}/post/{key}"
    assert there.pds.values() == [
        {
            "$type": POST,
            "text": text,
            "createdAt": found.published_at.strftime("%Y-%m-%dT%H:%M:%S.000Z"),
            "langs": ["id"],
            "facets": [
                {
                    "index": {"byteStart": 17, "byteEnd": 26},
                    "features": [
                        {"$type": "app.bsky.richtext.facet#mention", "did": "did:plc:ayu"}
                    ],
                },
                {
                    "index": {"byteStart": 45, "byteEnd": 67},
                    "features": [
                        {
                            "$type": "app.bsky.richtext.facet#link",
                            "uri": "https://arsip.id/a?b=1",
                        }
                    ],
                },
                {
                    "index": {"byteStart": 69, "byteEnd": 77},
                    "features": [{"$type": "app.bsky.richtext.facet#tag", "tag": "warisan"}],
                },
            ],
        }
    ]


async def test_images_have_their_words_and_sides_and_a_post_its_language(there: Quay) -> None:
    found = await ended(there, await there.due("Manuscripts", images=2, language="en"))

    (record,) = there.pds.values()
    shown = record["embed"]["images"]
    assert (found.status, record["langs"], record["embed"]["$type"]) == (
        "published",
        ["en"],
        "app.bsky.embed.images",
    )
    assert [(each["alt"], each["aspectRatio"]) for each in shown] == [
        ("Naskah", {"width": width, "height": 30}) for width in (41, 42)
    ]


async def test_each_part_of_a_thread_replies_to_the_one_before(there: Quay) -> None:
    found = await ended(there, await there.due("Satu", "Dua", "Tiga", images=1))

    uris = [each["remote_id"] for each in found.steps_done]
    values = [there.pds.records[uri]["value"] for uri in uris]
    refs = [{"uri": uri, "cid": there.pds.records[uri]["cid"]} for uri in uris]
    assert found.status == "published"
    assert [each["text"] for each in values] == ["Satu", "Dua", "Tiga"]
    assert [each.get("reply") for each in values] == [
        None,
        {"root": refs[0], "parent": refs[0]},
        {"root": refs[0], "parent": refs[1]},
    ]


async def test_a_session_is_opened_once_and_renewed_before_it_ends(there: Quay) -> None:
    await logged_in(there)

    await ended(there, await there.due("Kedua"))
    there.world.clock.forward(hours=3)
    found = await ended(there, await there.due("Ketiga"))

    assert (found.status, there.pds.texts()) == ("published", ["Kedua", "Ketiga"])
    assert there.pds.calls == ["putRecord", "refreshSession", "putRecord"]


async def test_a_token_that_ended_early_costs_one_try(there: Quay) -> None:
    await logged_in(there)
    there.pds.access = dict.fromkeys(there.pds.access, there.world.clock())

    found = await ended(there, await there.due("Kedua"))

    assert (found.status, there.pds.texts()) == ("published", ["Kedua"])
    assert there.pds.calls == ["putRecord", "refreshSession", "putRecord"]


async def test_a_session_that_ended_for_good_is_opened_by_the_password(there: Quay) -> None:
    await logged_in(there)
    there.world.clock.forward(days=91)

    found = await ended(there, await there.due("Kedua"))

    assert (found.status, there.pds.texts()) == ("published", ["Kedua"])
    assert there.pds.calls == ["refreshSession", "createSession", "putRecord"]


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("AuthenticationRequired", "password_refused"),
        ("AuthFactorTokenRequired", "app_password_wanted"),
        ("AccountTakedown", "account_taken_down"),
    ],
)
async def test_whose_password_is_refused_has_to_enter_another(
    there: Quay, connector: BlueskyConnector, code: str, reason: str
) -> None:
    there.pds.orders = [("createSession", 401, code)] * 2

    said = await connector.refresh(await account(there), there.world.clock())
    found = await ended(there, await there.due(), rounds=3)

    assert isinstance(said, Revoked)
    assert (said.reason, found.status, there.pds.texts()) == (reason, "scheduled", [])
    assert (await there.connected()).connection == "needs_reauth"


@pytest.mark.parametrize(
    ("status", "reason"),
    [("takendown", "account_taken_down"), ("deactivated", "account_deactivated")],
)
async def test_an_account_that_is_not_active_is_not_connected(
    there: Quay, connector: BlueskyConnector, status: str, reason: str
) -> None:
    there.pds.status = {"active": False, "status": status}

    said = await connector.refresh(await account(there), there.world.clock())

    assert said == Revoked(reason)


async def test_a_renewal_whose_answer_was_lost_may_be_repeated(
    there: Quay, connector: BlueskyConnector
) -> None:
    await logged_in(there)
    before, now = await account(there), there.world.clock()

    first = await connector.refresh(before, now)
    second = await connector.refresh(before, now)

    assert first == second


async def test_check_says_whose_account_it_is(there: Quay, connector: BlueskyConnector) -> None:
    now = there.world.clock()
    fresh = await connector.check(await account(there), now)
    await logged_in(there)
    known = await connector.check(await account(there), now)
    await there.entered(app_password="wrong")
    wrong = await connector.check(await account(there), now)

    assert fresh == known == Checked(answers=True, reason=None, detail=ME)
    assert wrong == Checked(answers=False, reason="password_refused", detail="createSession")


async def test_a_thread_is_withdrawn_with_the_last_part_first(
    there: Quay, connector: BlueskyConnector
) -> None:
    found = await ended(there, await there.due("Satu", "Dua"))
    done = tuple(
        Done(each["step"], each["remote_id"], each["permalink"]) for each in found.steps_done
    )
    there.pds.access = dict.fromkeys(there.pds.access, there.world.clock())

    twice = [
        await connector.withdraw(await account(there), done, there.world.clock()) for _ in range(2)
    ]

    assert twice == [Withdrawn({"deleted": [each.remote_id for each in done]})] * 2
    assert there.pds.records == {}


LATER, OVER, ASKS = "scheduled", "failed", "needs_review"


@pytest.mark.parametrize(
    ("call", "status", "code", "after", "reason"),
    [
        ("putRecord", 400, "ExpiredToken", LATER, "token_expired"),
        ("putRecord", 400, "InvalidToken", LATER, "token_expired"),
        ("putRecord", 401, "AuthMissing", LATER, "token_expired"),
        ("putRecord", 401, "AuthenticationRequired", LATER, "token_expired"),
        ("putRecord", 401, "AccountTakedown", LATER, "account_taken_down"),
        ("putRecord", 403, "AccountDeactivated", LATER, "account_deactivated"),
        ("putRecord", 400, "InvalidRequest", OVER, "bluesky_refused"),
        ("putRecord", 400, "BlobNotFound", LATER, "blob_gone"),
        ("putRecord", 429, "RateLimitExceeded", LATER, "platform_busy"),
        ("putRecord", 500, "InternalServerError", LATER, "platform_error"),
        ("putRecord", 502, "UpstreamFailure", LATER, "platform_error"),
        ("uploadBlob", 400, "BlobTooLarge", OVER, "image_refused"),
        ("uploadBlob", 400, "InvalidMimeType", OVER, "image_refused"),
        ("uploadBlob", 413, "PayloadTooLarge", OVER, "image_refused"),
        ("uploadBlob", 400, "ExpiredToken", LATER, "token_expired"),
        ("uploadBlob", 429, "RateLimitExceeded", LATER, "platform_busy"),
        ("uploadBlob", 500, "InternalServerError", LATER, "platform_error"),
        ("resolveHandle", 502, "UpstreamFailure", LATER, "platform_error"),
    ],
)
async def test_each_documented_error_has_its_consequence(
    there: Quay, call: str, status: int, code: str, after: str, reason: str
) -> None:
    await logged_in(there)
    row = await there.due("Halo @ayu.test", images=1)
    there.pds.orders.append((call, status, code))

    found = await ended(there, row, rounds=1)

    assert (found.status, found.reason, there.pds.texts()) == (after, reason, [])


@pytest.mark.parametrize(
    "headers", [{"retry-after": "254"}, {"ratelimit-reset": "{reset}"}], ids=["after", "reset"]
)
async def test_a_limit_rests_the_channel_as_long_as_it_says(
    there: Quay, headers: dict[str, str]
) -> None:
    await logged_in(there)
    row, now = await there.due("Kedua"), there.world.clock()
    reset = str(int(now.timestamp()) + 254)
    there.pds.headers = {name: each.format(reset=reset) for name, each in headers.items()}
    there.pds.orders.append(("putRecord", 429, "RateLimitExceeded"))

    found = await ended(there, row, rounds=1)

    assert found.not_before == there.world.clock() - timedelta(seconds=70 - 254)
    assert (found.failures, (await there.connected()).rests_until) == (0, found.not_before)


async def test_an_answer_that_was_lost_is_no_second_post(there: Quay) -> None:
    await logged_in(there)
    row = await there.due("Kedua", images=1)
    there.pds.orders.append(("putRecord", 0, "UpstreamFailure"))

    found = await ended(there, row)

    assert (found.status, there.pds.texts()) == ("published", ["Kedua"])
    assert there.pds.calls == ["uploadBlob", "putRecord", "putRecord"]


async def test_images_that_vanished_are_uploaded_anew(there: Quay) -> None:
    await logged_in(there)
    row = await there.due("Kedua", images=1)
    there.pds.orders.append(("putRecord", 400, "BlobNotFound"))

    found = await ended(there, row)

    assert (found.status, there.pds.texts()) == ("published", ["Kedua"])
    assert there.pds.calls == ["uploadBlob", "putRecord"] * 2


@pytest.mark.parametrize(
    ("change", "after", "reason"),
    [({"langs": ["en"]}, "published", None), ({"text": "Lain"}, ASKS, "record_differs")],
)
async def test_what_stands_under_the_key_already_is_looked_at(
    there: Quay, change: dict[str, Any], after: str, reason: str | None
) -> None:
    await logged_in(there)
    row = await there.due("Kedua")
    there.pds.orders = [("putRecord", 0, "UpstreamFailure")]
    await ended(there, row, rounds=1)
    ((uri, record),) = there.pds.records.items()
    there.pds.records[uri] = {**record, "cid": "bafyother", "value": record["value"] | change}

    found = await ended(there, row)

    assert (found.status, found.reason) == (after, reason)
    assert len(there.pds.records) == 1


async def test_a_thread_whose_first_part_was_deleted_does_not_go_on(there: Quay) -> None:
    await logged_in(there)
    row = await there.due("Satu", "Dua")
    there.pds.orders.append(("getRecord", 500, "InternalServerError"))
    await ended(there, row, rounds=1)
    there.pds.records.clear()

    found = await ended(there, row)

    assert (found.status, there.pds.texts()) == (ASKS, [])
    assert "thread_gone" in [reason for _, reason in await there.world.steps(row)]


async def test_who_asks_is_told_whether_it_is_live(
    there: Quay, connector: BlueskyConnector
) -> None:
    await logged_in(there)
    row = await there.due("Kedua")
    publisher = there.world.publisher({}, there.files)
    claim = await claims.claim(
        there.world.store, row, Alone("w1"), publisher.lease, there.world.clock()
    )
    assert claim is not None
    unnamed, now = outgoing_of(publisher, claim), there.world.clock()
    made = await connector.prepare(unnamed, now)
    assert isinstance(made, Prepared)
    named = replace(unnamed, handle=made.handle, ticket=made.ticket)

    nobody = await connector.reconcile(unnamed, now)
    before = await connector.reconcile(named, now)
    outcome = await connector.publish(named, now)
    after = await connector.reconcile(named, now)

    assert nobody == CannotTell("no_handle", lasting=True)
    assert isinstance(before, Absent)
    assert isinstance(outcome, Published)
    assert after == outcome
