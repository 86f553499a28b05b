"""How tests ask for changes of a calendar whose mix is nearly full, in one line."""

from typing import Any

from tests.app.conftest import Office
from tests.app.writing import add_channel, write_post
from tests.conftest import Client

INF, INT, EDU = "informative", "interactive", "edutainment"
TWICE = ((0, "09:00"), (2, "09:00"))  # nine slots in March; until the 22nd six, five informative
FULL = tuple((f"2026-03-{day:02}T09:00", INF) for day in (2, 4, 9, 11, 16))
WEDNESDAY = {"local": "2026-03-18T09:00"}
REASON = {"reason": "Perintah menteri"}
CRISIS = {"reason": "crisis", "note": "Banjir di Demak"}


async def with_slots(office: Office, *times: tuple[int, str], handle: str = "berita") -> Any:
    """Add a channel with weekly times from Monday, 2 March, on."""
    channel = await add_channel(office, handle)
    body = weekly(*times) | {"effective_from": "2026-03-02"}
    path = office.path(f"/channels/{channel['id']}/slots")
    await office.manager.ok("PUT", path, body, match=channel["version"])
    return channel


def weekly(*times: tuple[int, str]) -> dict[str, Any]:
    return {"slots": [{"weekday": weekday, "time": clock} for weekday, clock in times]}


async def ask(client: Client, office: Office, post: Any, *channels: Any, **more: Any) -> Any:
    """Ask to put a post on channels, and return the response as it is."""
    body = {"post": post["id"], "channels": [each["id"] for each in channels]} | more
    return await client("POST", office.path("/publications"), body)


async def batch(client: Client, office: Office, *operations: Any, **more: Any) -> Any:
    body = {"operations": list(operations)} | more
    return await client("POST", office.path("/publications/batch"), body)


async def check(client: Client, office: Office, *operations: Any) -> Any:
    return await client.ok("POST", office.path("/mix/check"), {"operations": list(operations)})


def seen(row: Any) -> dict[str, Any]:
    return {"id": row["id"], "version": row["version"]}


async def stand(office: Office, channel: Any, *places: tuple[str, str]) -> list[Any]:
    """Put new posts (a local time and a type each) on a channel, as one change."""
    operations = [
        {
            "op": "add",
            "post": (await write_post(office, title=f"{type_} {local[8:10]}", type=type_))["id"],
            "channel": channel["id"],
            "when": {"local": local},
        }
        for local, type_ in places
    ]
    placed = await batch(office.editor, office, *operations)
    assert placed.status_code == 200, placed.text
    rows: list[Any] = placed.json()["publications"]
    return rows


def on(day: int, clock: str = "09:00", month: int = 3) -> dict[str, str]:
    return {"local": f"2026-{month:02}-{day:02}T{clock}"}


def kinds(answer: Any) -> list[str]:
    return [each["kind"] for each in answer.json()["fixes"]]


def refused(answer: Any) -> bool:
    return bool(answer.status_code == 409 and answer.json()["type"] == "/problems/mix-violation")


async def full(office: Office, *more: tuple[str, str]) -> tuple[Any, list[Any]]:
    """Return a channel that is full of informative posts until 22 March, and what stands there."""
    channel = await with_slots(office, *TWICE)
    return channel, await stand(office, channel, *FULL, *more)


async def rows(office: Office) -> list[tuple[str, str, str]]:
    page = await office.viewer.ok("GET", office.path("/publications"))
    return [(each["local"][:16], each["type"], each["channel"]) for each in page["items"]]
