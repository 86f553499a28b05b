"""What an account shows: lists in pages, single videos, and only what everybody may see."""

from typing import Any

from tests.sandbox.cases import LIST, QUERY
from tests.sandbox.platform import PUBLIC, Stage
from tests.sandbox.test_tiktok_statuses import EVERYONE, audited, post

SOME = "?fields=id,create_time,share_url,title,view_count"


async def several(s: Stage, count: int) -> list[str]:
    """Post publicly several times; return the ids, the newest first."""
    await s.control(developer={"rates": {"video_init": 1000}})
    token = await audited(s)
    for number in range(count):
        await post(s, token, EVERYONE | {"title": f"No. {number}"})
    s.wait(2)
    await s.state()
    s.wait(1)
    return [each["post_id"] for each in reversed((await s.state())["posts"])]


async def listed(s: Stage, **body: Any) -> dict[str, Any]:
    data: dict[str, Any] = (await s.call(LIST + SOME, await s.token(PUBLIC), body)).json()["data"]
    return data


async def test_pages_show_each_post_once_the_newest_first(tiktok: Stage) -> None:
    ids = await several(tiktok, 12)

    pages = [await listed(tiktok, max_count=5)]
    while pages[-1]["has_more"]:
        pages.append(await listed(tiktok, max_count=5, cursor=pages[-1]["cursor"]))
    usual = await listed(tiktok)

    assert [[each["id"] for each in page["videos"]] for page in pages] == [
        ids[:5],
        ids[5:10],
        ids[10:],
    ]
    assert [each["id"] for each in usual["videos"]] == ids[:10]


async def test_a_listed_post_says_what_was_asked(tiktok: Stage) -> None:
    ids = await several(tiktok, 1)

    page = await listed(tiktok)

    assert page["videos"] == [
        {
            "id": ids[0],
            "create_time": int(tiktok.at[0].timestamp()) - 1,
            "share_url": f"https://www.tiktok.com/@{PUBLIC}/video/{ids[0]}",
            "title": "No. 0",
            "view_count": 0,
        }
    ]


async def test_what_is_hidden_or_private_or_somebody_elses_is_not_shown(tiktok: Stage) -> None:
    ids = await several(tiktok, 2)
    await post(tiktok, await tiktok.token(PUBLIC), {"privacy_level": "SELF_ONLY"})
    tiktok.wait(5)
    state = await tiktok.state()
    await tiktok.control(hide=[state["publications"][0]["publish_id"]])
    body = {"filters": {"video_ids": [each["post_id"] for each in state["posts"]]}}

    own = await tiktok.call(f"{QUERY}?fields=id", await tiktok.token(PUBLIC), body)
    others = await tiktok.call(f"{QUERY}?fields=id", await tiktok.token(), body)

    assert own.json()["data"] == {"videos": [{"id": ids[0]}]}
    assert others.json()["data"] == {"videos": []}
    assert [each["id"] for each in (await listed(tiktok))["videos"]] == ids[:1]
