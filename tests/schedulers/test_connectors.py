"""The connectors without a wire, and where each is found."""

from dataclasses import replace
from datetime import timedelta

import pytest

from planner.content import Part
from planner.platforms import PLATFORMS
from schedulers.connector import HandedOver, Published
from schedulers.connectors import connectors
from schedulers.connectors.feed import FeedConnector
from schedulers.connectors.manual import ManualConnector
from schedulers.outbound import Outbound
from tests.schedulers.wires import DUE, outgoing

ID = "01900000-0000-7000-8000-000000000001"


async def test_every_connector_is_for_a_platform_that_is_known() -> None:
    outbound = Outbound()
    found = set(connectors(outbound))
    await outbound.aclose()

    assert found <= set(PLATFORMS)
    assert {"feed", "manual", "webhook"} <= found


@pytest.mark.parametrize(
    ("public_url", "handle", "tag", "link"),
    [
        (
            "https://pilar.example",
            "situs",
            f"tag:pilar.example,2026-03-02:{ID}",
            f"https://pilar.example/feeds/humas/situs/{ID}",
        ),
        (
            "http://127.0.0.1:8080/",
            "@a/b é",
            f"tag:127.0.0.1,2026-03-02:{ID}",
            f"http://127.0.0.1:8080/feeds/humas/%40a%2Fb%20%C3%A9/{ID}",
        ),
    ],
)
async def test_a_feed_entry_has_one_name_and_one_link_for_ever(
    public_url: str, handle: str, tag: str, link: str
) -> None:
    post = outgoing()
    post = replace(post, public_url=public_url, account=replace(post.account, handle=handle))

    first = await FeedConnector().publish(post, DUE)
    later = await FeedConnector().publish(post, DUE + timedelta(days=3))

    assert (first, later) == (Published(tag, link), Published(tag, link))


async def test_a_person_is_given_the_caption_and_the_files_but_no_signed_link() -> None:
    outcome = await ManualConnector().publish(outgoing(), DUE)

    assert outcome == HandedOver(
        {
            "caption": "Siapa proklamator?\n\n#sejarah\n\nJawabannya besok.",
            "media": [
                {
                    "id": "01900000-0000-7000-8000-000000000003",
                    "mime": "image/jpeg",
                    "bytes": 1234,
                    "alt": "Naskah asli",
                }
            ],
        }
    )


async def test_a_part_without_words_leaves_no_gap_in_the_caption() -> None:
    post = outgoing()
    words = replace(post.words, parts=(Part(""), Part("Dua")), hashtags=())

    outcome = await ManualConnector().publish(replace(post, words=words), DUE)

    assert outcome == HandedOver({"caption": "Dua", "media": []})
