"""A post that a person publishes, as `docs/platforms/manual.md` says: what they get, and say."""

from datetime import timedelta
from uuid import UUID

from app.deps import House
from schedulers.publisher import Publisher
from schedulers.publishing import publish
from store.liveness import Alone
from tests.app.conftest import Office
from tests.app.uploading import upload
from tests.app.writing import add_channel, approve_post, at, place, write_post
from tests.conftest import Clock
from tests.files import tiny_png


async def test_a_person_gets_the_caption_and_the_files_publishes_and_says_so(
    office: Office, house: House, clock: Clock
) -> None:
    picture = tiny_png(6, 4)
    file = await upload(office, picture)
    channel = await add_channel(office, "biro.humas", "manual")
    media = [{"id": file["id"], "alt": "Sebuah kartu"}]
    post = await write_post(office, parts=[{"text": "Isi.", "media": media}])
    (row,) = await place(
        office, await approve_post(office, post), channel, when=at(clock.now + timedelta(minutes=1))
    )
    clock.forward(minutes=1)
    there = (house.store, house.ring, house.blobs, house.connectors, house.base_url)

    await publish(Publisher(*there, Alone("w1"), 120, house.clock), UUID(row["id"]))

    path = office.path(f"/publications/{row['id']}")
    (attempt,) = (await office.viewer.ok("GET", f"{path}/attempts"))["attempts"]
    (given,) = attempt["evidence"]["media"]
    fetched = await office.viewer("GET", office.path(f"/media/{given['id']}/content"))
    said = {"permalink": "https://social.example/p/1"}
    confirmed = await office.approver.ok("POST", f"{path}/confirm", said, match="*")
    assert (attempt["outcome"], attempt["evidence"]["caption"]) == ("handed_over", "Isi.")
    assert (given["alt"], fetched.content) == ("Sebuah kartu", picture)
    assert (confirmed["status"], confirmed["permalink"]) == ("published", said["permalink"])
