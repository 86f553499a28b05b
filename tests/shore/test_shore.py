"""The test platform behaves as it is told, and its journal says what it accepted."""

import asyncio
import time
from typing import Any

import httpx
import pytest

from schedulers.outbound import NoAnswer, NotSent, Outbound
from tests.shore.mischief import WAYS
from tests.shore.running import Shore

POST = ("POST", "/search/a/posts", {"text": "Halo"})


async def ask(shore: Shore, method: str, path: str, body: Any = None, **headers: str) -> Any:
    """Return the status and the body of an answer."""
    async with httpx.AsyncClient(trust_env=False, timeout=5) as http:
        answer = await http.request(method, shore.address + path, json=body, headers=headers)
    return answer.status_code, answer.json() if answer.content else None


async def end_of(outbound: Outbound, url: str, content: bytes) -> str:
    """Return how a request ended: what was raised, or the status."""
    try:
        answer = await outbound.request(
            "POST", url, headers={}, content=content, timeout_seconds=0.5
        )
    except (NotSent, NoAnswer) as error:
        return f"{type(error).__name__}: {error.reason}"
    return str(answer.status)


def texts(shore: Shore, place: str | None = None) -> list[tuple[str, int]]:
    return [(post.text, post.repeats) for post in shore.posts(place)]


@pytest.mark.parametrize(
    ("way", "answer", "accepted"),
    [
        ("well", "201", 1),
        ("delay", "201", 1),
        ("lost", "NoAnswer: connection_lost", 1),
        ("silent", "NoAnswer: answer_timeout", 1),
        ("reset_after", "NoAnswer: connection_lost", 1),
        ("reset", "NoAnswer: connection_lost", 0),
        ("busy", "503", 0),
        ("rate", "429", 0),
        ("refused", "422", 0),
        ("gateway", "502", 1),
        ("error", "500", 1),
        ("html", "200", 1),
        ("portal", "200", 0),
        ("wrong", "200", 1),
        ("huge", "NoAnswer: answer_too_large", 1),
        ("drip", "NoAnswer: answer_timeout", 1),
        ("late", "NoAnswer: answer_timeout", 0),
    ],
)
async def test_each_way_to_misbehave(
    shore: Shore, outbound: Outbound, way: str, answer: str, accepted: int
) -> None:
    await shore.behave("search/a", way, late=0.3, drip=0.05)

    found = await end_of(outbound, f"{shore.address}/search/a/posts", b'{"text": "Halo"}')
    at_once = len(shore.posts())
    await asyncio.sleep(0.6 if way == "late" else 0)

    assert (found, at_once) == (answer, accepted)
    assert len(shore.posts()) == (1 if way == "late" else accepted)
    assert await ask(shore, *POST)  # it goes on as if nothing had been
    assert len(shore.posts()) == (2 if way == "late" else accepted + 1)


def test_every_way_is_tried() -> None:
    marks = test_each_way_to_misbehave.pytestmark  # type: ignore[attr-defined]

    assert {row[0] for row in marks[0].args[1]} == set(WAYS)


async def test_ways_come_by_chance_and_by_the_same_seed(shore: Shore) -> None:
    await shore.tell(place="*", on="publish", chances={"busy": 0.3})

    async def drawn() -> list[int]:
        return [(await ask(shore, *POST))[0] for _ in range(60)]

    first = await drawn()
    await shore.kill()
    await shore.start()
    await shore.tell(place="*", on="publish", chances={"busy": 0.3})
    again = await drawn()

    assert first == again
    assert 5 < first.count(503) < 35


async def test_an_idempotent_account_knows_its_keys_for_a_while(shore: Shore) -> None:
    await shore.tell(place="idem/a", terms={"idem_seconds": 0.3})
    put = ("PUT", "/idem/a/posts/k1", {"text": "Satu"})

    first, again = await ask(shore, *put), await ask(shore, *put)
    other = await ask(shore, "PUT", "/idem/b/posts/k1", {"text": "Dua"})
    await asyncio.sleep(0.35)
    forgotten = await ask(shore, *put)

    assert (first[0], again, other[0], forgotten[0]) == (201, (200, first[1]), 201, 201)
    assert texts(shore) == [("Satu", 1), ("Dua", 0), ("Satu", 0)]


async def test_a_container_is_published_once_and_says_what_became_of_it(shore: Shore) -> None:
    await shore.tell(place="handle/a", terms={"processing_seconds": 0.3})
    _, made = await ask(shore, "POST", "/handle/a/containers", {"text": "Satu"})
    path = f"/handle/a/containers/{made['handle']}"

    before = await ask(shore, "GET", path)
    published = [await ask(shore, "POST", "/handle/a/publish", made) for _ in range(2)]
    await asyncio.sleep(0.35)
    after = await ask(shore, "GET", path)

    [post] = shore.posts()
    assert before == (200, {"status": "ready"})
    assert published == [(200, {"status": "in_progress"})] * 2
    assert after == (200, {"status": "published", **post.told()})
    assert (post.text, post.repeats) == ("Satu", 1)


async def test_a_container_expires_and_may_be_rejected(shore: Shore) -> None:
    await shore.tell(place="handle/a", terms={"container_seconds": 0})
    await shore.tell(place="handle/b", terms={"rejects": True})
    _, old = await ask(shore, "POST", "/handle/a/containers", {"text": "Satu"})
    _, bad = await ask(shore, "POST", "/handle/b/containers", {"text": "Dua"})

    answers = [
        await ask(shore, "POST", "/handle/a/publish", old),
        await ask(shore, "GET", f"/handle/a/containers/{old['handle']}"),
        await ask(shore, "POST", "/handle/b/publish", bad),
        await ask(shore, "GET", f"/handle/b/containers/{bad['handle']}"),
        await ask(shore, "GET", f"/handle/a/containers/{bad['handle']}"),
    ]

    rejected = {"status": "error", "error": "rejected"}
    assert answers == [
        (410, {"error": "expired"}),
        (200, {"status": "expired"}),
        (200, rejected),
        (200, rejected),
        (404, {"error": "unknown_handle"}),
    ]
    assert shore.posts() == []


async def test_a_search_finds_own_posts_a_while_later(shore: Shore) -> None:
    await shore.tell(place="search/a", terms={"index_seconds": 0.3})
    began = time.time()
    _, post = await ask(shore, *POST)
    await ask(shore, "POST", "/search/b/posts", {"text": "Halo"})

    at_once = await ask(shore, "GET", f"/search/a/posts?since={began}")
    await asyncio.sleep(0.35)
    later = await ask(shore, "GET", f"/search/a/posts?since={began}")
    since = await ask(shore, "GET", f"/search/a/posts?since={time.time()}")

    nothing = (200, {"items": [], "more": False})
    assert (at_once, later, since) == (nothing, (200, {"items": [post], "more": False}), nothing)


async def test_a_blind_account_cannot_be_asked(shore: Shore) -> None:
    _, post = await ask(shore, "POST", "/blind/a/posts", {"text": "Halo"})

    assert (await ask(shore, "GET", "/blind/a/posts"))[0] == 404
    assert [each.id for each in shore.posts("blind/a")] == [post["id"]]


async def test_a_thread_is_a_chain_of_replies_and_can_be_deleted(shore: Shore) -> None:
    _, first = await ask(shore, "POST", "/blind/a/posts", {"text": "1"})
    _, second = await ask(shore, "POST", "/blind/a/posts", {"text": "2", "reply_to": first["id"]})

    deleted = [
        (await ask(shore, "DELETE", f"/{place}/posts/{second['id']}"))[0]
        for place in ("blind/b", "blind/a", "blind/a")
    ]

    assert deleted == [404, 204, 404]
    found = [(each.text, each.reply_to, each.deleted) for each in shore.posts()]
    assert found == [("1", None, False), ("2", first["id"], True)]


async def test_tokens_rotate_and_one_that_comes_back_revokes_the_grant(shore: Shore) -> None:
    old = await shore.tell(grant="a", seconds=0.3)
    put = ("PUT", "/idem/a/posts/k1", {"text": "Satu"})

    def bearer(pair: Any) -> dict[str, str]:
        return {"Authorization": f"Bearer {pair['access_token']}"}

    stranger = await ask(shore, *put)
    known = await ask(shore, *put, **bearer(old))
    await asyncio.sleep(0.35)
    expired = await ask(shore, *put, **bearer(old))
    _, new = await ask(shore, "POST", "/tokens/a/refresh", old)
    renewed = await ask(shore, *put, **bearer(new))
    clean = shore.violations()
    twice = await ask(shore, "POST", "/tokens/a/refresh", old)
    revoked = await ask(shore, *put, **bearer(new))

    assert [each[0] for each in (stranger, known, expired, renewed)] == [401, 201, 401, 200]
    assert (new["expires_in"], clean) == (0.3, [])
    assert (twice, revoked) == ((400, {"error": "invalid_grant"}), (401, {"error": "revoked"}))
    assert [each["what"] for each in shore.violations()] == ["refresh_again"]


async def test_it_remembers_through_a_kill(shore: Shore) -> None:
    put = ("PUT", "/idem/a/posts/k1", {"text": "Satu"})
    _, post = await ask(shore, *put)

    await shore.kill()
    await shore.start()

    assert await ask(shore, *put) == (200, post)
    assert texts(shore) == [("Satu", 1)]


async def test_it_refuses_ways_and_terms_that_there_are_not(shore: Shore) -> None:
    told = [
        {"place": "a", "on": "publish", "next": ["politely"]},
        {"place": "a", "terms": {"patience": 1}},
        {"place": "a", "unknown": 1},
    ]

    async with httpx.AsyncClient(trust_env=False) as http:
        answers = [await http.post(f"{shore.address}/_control", json=each) for each in told]

    assert [answer.status_code for answer in answers] == [400, 400, 400]


async def naive(shore: Shore, path: str, text: str) -> None:
    """Send, and send again whenever there is no good answer: what Pilar must not do."""
    async with httpx.AsyncClient(trust_env=False, timeout=5) as http:
        for _ in range(20):
            try:
                answer = await http.post(shore.address + path, json={"text": text})
            except httpx.TransportError:
                continue
            if answer.is_success:
                return


async def test_a_naive_client_doubles_and_the_journal_shows_it(shore: Shore) -> None:
    await shore.tell(place="*", on="publish", chances={"lost": 0.3, "busy": 0.1})

    await asyncio.gather(*(naive(shore, "/blind/a/posts", str(n)) for n in range(40)))

    said = [post.text for post in shore.posts()]
    assert set(said) == {str(n) for n in range(40)}
    assert len(said) > 45
