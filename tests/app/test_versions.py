"""Two people who change the same post at once: exactly one of them does, every time."""

import asyncio

import pytest

from tests.app.conftest import Office
from tests.app.writing import write_post

ROUNDS = 1000
PARTS = 10  # one of them in every run, all with `make chaos`


@pytest.mark.parametrize(
    "part", [pytest.param(each, marks=[pytest.mark.chaos] * (each > 0)) for each in range(PARTS)]
)
async def test_of_two_writers_exactly_one_wins_each_round(office: Office, part: int) -> None:
    post = await write_post(office)
    path = office.path(f"/posts/{post['id']}")
    rounds = ROUNDS // PARTS

    ends = []
    version = post["version"]
    for number in range(rounds):
        answers = await asyncio.gather(
            *(
                writer("PATCH", path, {"title": f"{number} {name}"}, match=version)
                for name, writer in (("editor", office.editor), ("manager", office.manager))
            )
        )
        ends.append(sorted(answer.status_code for answer in answers))
        (winner,) = (answer for answer in answers if answer.status_code == 200)
        (loser,) = (answer for answer in answers if answer.status_code == 412)
        version = winner.json()["version"]
        assert (winner.headers["ETag"], loser.json()["current_version"]) == (
            f'"{version}"',
            version,
        )

    last = await office.viewer.ok("GET", path)
    assert ends == [[200, 412]] * rounds
    assert last | {"mix": winner.json()["mix"]} == winner.json()
    history = await office.viewer.ok("GET", f"{path}/versions")
    written = [each["number"] for each in history["items"]]
    assert written == list(range(rounds + 1, 0, -1))


async def test_the_loser_reads_again_and_wins(office: Office) -> None:
    post = await write_post(office)
    path = office.path(f"/posts/{post['id']}")
    await office.manager.ok("PATCH", path, {"title": "Satu"}, match=1)

    lost = await office.editor("PATCH", path, {"title": "Dua"}, match=1)
    won = await office.editor("PATCH", path, {"title": "Dua"}, match=lost.json()["current_version"])

    assert (lost.status_code, lost.json()["type"]) == (412, "/problems/version-changed")
    assert (won.status_code, won.json()["title"]) == (200, "Dua")


async def test_whoever_says_any_version_overwrites(office: Office) -> None:
    post = await write_post(office)
    path = office.path(f"/posts/{post['id']}")

    answers = await asyncio.gather(
        *(office.editor("PATCH", path, {"title": f"{each}"}, match="*") for each in range(8))
    )

    last = await office.viewer.ok("GET", path)
    assert [answer.status_code for answer in answers] == [200] * 8
    assert len({answer.json()["version"] for answer in answers}) == 8
    newest = max((answer.json() for answer in answers), key=lambda each: each["version"])
    assert last | {"mix": newest["mix"]} == newest
