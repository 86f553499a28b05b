"""How tests write posts and put them on channels, in one line."""

from datetime import datetime
from itertools import count
from typing import Any

from tests.app.conftest import Office

NUMBERS = count(1)
SECRET = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="


async def add_channel(
    office: Office, handle: str = "berita", platform: str = "feed", **more: Any
) -> Any:
    """Add a channel that is connected."""
    if platform == "webhook":
        more.setdefault("settings", {"url": "https://receiver.example/hook"})
    body = {"platform": platform, "handle": handle, "name": handle.title()} | more
    channel = await office.manager.ok("POST", office.path("/channels"), body)
    if platform == "webhook":
        path = office.path(f"/channels/{channel['id']}")
        await office.manager.ok(
            "PUT", f"{path}/credentials", {"secret": SECRET}, match=channel["version"]
        )
        channel = await office.manager.ok("GET", path)
    return channel


async def write_post(office: Office, text: str | None = None, **more: Any) -> Any:
    """Write a post; without a text it says what no other one says."""
    text = f"Isi konten {next(NUMBERS)}." if text is None else text
    body = {"title": "Naskah kuno", "type": "informative", "parts": [{"text": text}]} | more
    return await office.editor.ok("POST", office.path("/posts"), body)


async def approve_post(office: Office, post: Any) -> Any:
    """Submit a post and have it approved; return it as it is then."""
    path = office.path(f"/posts/{post['id']}")
    submitted = await office.editor.ok("POST", f"{path}/submit", match=post["version"])
    return await office.approver.ok("POST", f"{path}/approve", {}, match=submitted["version"])


async def place(office: Office, post: Any, *channels: Any, when: Any) -> list[Any]:
    body = {"post": post["id"], "channels": [each["id"] for each in channels], "when": when}
    placed = await office.editor.ok("POST", office.path("/publications"), body)
    rows: list[Any] = placed["publications"]
    return rows


def at(moment: datetime) -> dict[str, str]:
    return {"at": moment.isoformat()}


async def let_the_mix_be(office: Office) -> None:
    """Let the mix judge nothing, where what is tested is something else."""
    mix = await office.manager.ok("GET", office.path("/mix"))
    body = {"types": mix["in_force"]["types"], "mode": "off"}
    await office.manager.ok("PUT", office.path("/mix"), body, match=mix["version"])
