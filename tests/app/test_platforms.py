"""What each platform allows, over HTTP."""

from typing import Any

from tests.app.conftest import Office
from tests.conftest import Client


async def test_every_platform_says_what_it_allows(office: Office) -> None:
    listed = await office.viewer.ok("GET", "/platforms")

    names = [each["name"] for each in listed["items"]]
    single = [await office.key.ok("GET", f"/platforms/{name}") for name in names]
    assert names == ["bluesky", "feed", "manual", "telegram", "tiktok", "webhook"]
    assert single == listed["items"]


async def test_the_webhook_says_what_a_channel_and_a_post_need(office: Office) -> None:
    webhook = await office.viewer.ok("GET", "/platforms/webhook")

    nothing: dict[str, Any] = {
        "required": False,
        "max_length": None,
        "unit": "code_points",
        "choices": [],
        "default": None,
        "granted": False,
        "only_if": None,
    }
    media = webhook["media"]
    assert webhook == {
        "name": "webhook",
        "title": "Webhook",
        "idempotency": "ambiguous",
        "idempotent_if": "receiver_deduplicates",
        "connects": False,
        "formats": ["carousel", "post", "reel", "story", "thread"],
        "parts_max": 25,
        "text": {
            "unit": "code_points",
            "limit": 5000,
            "bytes_max": None,
            "total_bytes_max": 10_000,
            "under_media": None,
        },
        "media": media,
        "text_of": {},
        "media_of": {},
        "settings": [
            nothing | {"name": "url", "kind": "url", "required": True, "max_length": 2000},
            nothing | {"name": "receiver_deduplicates", "kind": "boolean", "default": False},
        ],
        "credentials": [
            nothing | {"name": "secret", "kind": "string", "required": True, "max_length": 200}
        ],
        "options": [],
        "left_out": [],
    }
    assert (media["count_min"], media["count_max"], media["mixed"], media["mimes"]) == (
        0,
        10,
        True,
        None,
    )


async def test_a_platform_that_the_caller_knows_is_not_sent_again(office: Office) -> None:
    first = await office.viewer("GET", "/platforms/feed")

    again = await office.viewer(
        "GET", "/platforms/feed", headers={"If-None-Match": first.headers["ETag"]}
    )

    assert (again.status_code, again.content) == (304, b"")


async def test_platforms_are_for_those_who_are_known(office: Office) -> None:
    stranger = Client(office.viewer.http)

    refused = await stranger("GET", "/platforms")
    unknown = await office.viewer("GET", "/platforms/gopher")

    assert (refused.status_code, unknown.status_code) == (401, 404)
    assert unknown.json()["type"] == "/problems/unknown-platform"
