"""A Bot API on loopback, as strict as Telegram's and stricter: it takes no unknown field."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

TOKEN = "7012345678:AAHplantedplantedplantedplantedplan"
OPEN, CLOSED, GROUP = -1001111111111, -1002222222222, -1003333333333
COMMON = {"chat_id", "disable_notification", "protect_content", "reply_parameters"}
CAPTION = {"caption", "caption_entities", "show_caption_above_media", "has_spoiler"}
VIDEO = {"width", "height", "duration", "supports_streaming"}
FIELDS = {
    "sendMessage": COMMON | {"text", "entities", "link_preview_options"},
    "sendPhoto": COMMON | CAPTION | {"photo"},
    "sendVideo": COMMON | CAPTION | VIDEO | {"video"},
    "sendMediaGroup": COMMON | {"media"},
    "deleteMessage": {"chat_id", "message_id"},
    "getMe": set(),
    "getChat": {"chat_id"},
    "getChatMember": {"chat_id", "user_id"},
}
WHOLE_MAX = {"photo": 10_000_000, "video": 50_000_000}


class Refusal(Exception):
    """Telegram says no."""

    def __init__(self, code: int, description: str, **parameters: Any) -> None:
        super().__init__(code, description)
        self.code = code
        self.description = description
        self.parameters = parameters


@dataclass(frozen=True)
class Message:
    """What is in a chat."""

    id: int
    chat: int
    text: str
    entities: list[dict[str, Any]]
    file: bytes | None
    fields: dict[str, Any]


@dataclass
class Bot:
    """What Telegram knows; `orders` are what happens to the next calls that send or delete."""

    url: str = ""
    username: dict[int, str | None] = field(
        default_factory=lambda: {OPEN: "warisan_kota", CLOSED: None, GROUP: None}
    )
    member: dict[str, Any] = field(
        default_factory=lambda: {
            "status": "administrator",
            "can_post_messages": True,
            "can_edit_messages": True,
            "can_delete_messages": False,
        }
    )
    messages: list[Message] = field(default_factory=list)
    last_id: int = 10
    calls: list[str] = field(default_factory=list)
    orders: list[Any] = field(default_factory=list)

    def chat(self, asked: Any) -> int:
        names = {f"@{name}": number for number, name in self.username.items() if name}
        known = names | {str(number): number for number in self.username}
        if str(asked) not in known:
            raise Refusal(400, "Bad Request: chat not found")
        return known[str(asked)]

    def call(self, method: str, fields: dict[str, Any], files: dict[str, bytes]) -> Any:
        if method not in FIELDS:
            raise Refusal(404, "Not Found: method not found")
        if unknown := fields.keys() - FIELDS[method]:
            raise Refusal(400, f"Bad Request: unknown fields {sorted(unknown)}")
        if method == "getMe":
            return {"id": 7012345678, "is_bot": True, "username": "pilar_bot"}
        chat = self.chat(fields.get("chat_id"))
        if method == "getChat":
            kind = "supergroup" if chat == GROUP else "channel"
            return {"id": chat, "type": kind, "username": self.username[chat]}
        if method == "getChatMember":
            assert fields["user_id"] == 7012345678
            return {"user": {"id": 7012345678}, **self.member}
        if method == "deleteMessage":
            return self._delete(chat, fields["message_id"])
        return self._send(method, chat, fields, files)

    def _delete(self, chat: int, message_id: int) -> bool:
        kept = [each for each in self.messages if (each.chat, each.id) != (chat, message_id)]
        if len(kept) == len(self.messages):
            raise Refusal(400, "Bad Request: message to delete not found")
        self.messages = kept
        return True

    def _send(self, method: str, chat: int, fields: dict[str, Any], files: dict[str, bytes]) -> Any:
        if "reply_parameters" in fields:
            wanted = fields["reply_parameters"]
            assert set(wanted) == {"message_id"}
            if all(each.id != wanted["message_id"] for each in self.messages):
                raise Refusal(400, "Bad Request: message to be replied not found")
        made: list[tuple[str, list[dict[str, Any]], bytes | None]]
        if method == "sendMessage":
            if not fields.get("text", "").strip():
                raise Refusal(400, "Bad Request: message text is empty")
            made = [(*self._words(chat, fields["text"], fields.get("entities", []), 4096), None)]
        elif method == "sendMediaGroup":
            if not 2 <= len(fields["media"]) <= 10:
                raise Refusal(400, "Bad Request: wrong number of media")
            made = [self._of_media(chat, each, each["type"], files) for each in fields["media"]]
        else:
            kind = method.removeprefix("send").lower()
            media = {**fields, "media": fields[kind]}
            made = [self._of_media(chat, media, kind, files)]
        if files:
            raise Refusal(400, "Bad Request: files that nothing names")
        new = [
            Message(self.last_id + 1 + place, chat, text, entities, file, {**fields, "as": method})
            for place, (text, entities, file) in enumerate(made)
        ]
        self.last_id += len(new)
        self.messages += new
        told = [
            {"message_id": each.id, "chat": {"id": chat, "username": self.username[chat]}}
            for each in new
        ]
        return told if method == "sendMediaGroup" else told[0]

    def _of_media(
        self, chat: int, media: dict[str, Any], kind: str, files: dict[str, bytes]
    ) -> tuple[str, list[dict[str, Any]], bytes]:
        scheme, _, name = media["media"].partition("://")
        if scheme != "attach" or name not in files:
            raise Refusal(400, "Bad Request: wrong file identifier/HTTP URL specified")
        file = files.pop(name)
        if len(file) > WHOLE_MAX[kind]:
            raise Refusal(413, "Request Entity Too Large")
        caption, entities = media.get("caption", ""), media.get("caption_entities", [])
        return *self._words(chat, caption, entities, 1024), file

    def _words(
        self, chat: int, text: str, entities: list[dict[str, Any]], most: int
    ) -> tuple[str, list[dict[str, Any]]]:
        if chat != GROUP and not self.member.get("can_post_messages"):
            raise Refusal(400, "Bad Request: need administrator rights in the channel chat")
        raw = text.encode("utf-16-le")
        if len(raw) // 2 > most:
            raise Refusal(400, "Bad Request: message is too long")
        for each in entities:
            first, last = each["offset"], each["offset"] + each["length"]
            if first < 0 or each["length"] <= 0 or 2 * last > len(raw):
                raise Refusal(400, "Bad Request: ENTITY_BOUNDS_INVALID")
            raw[2 * first : 2 * last].decode("utf-16-le")  # splits no surrogate pair
        return text, entities


def parsed(kind: str, body: bytes) -> tuple[dict[str, Any], dict[str, bytes]]:
    """Return fields and files of a request's body; JSON, or a form whose values may be JSON."""
    if kind == "application/json":
        return json.loads(body), {}
    boundary = kind.removeprefix("multipart/form-data; boundary=").encode()
    first, *parts, last = (b"\r\n" + body).split(b"\r\n--" + boundary)
    assert (first, last) == (b"", b"--\r\n")
    fields: dict[str, Any] = {}
    files: dict[str, bytes] = {}
    for part in parts:
        head, _, content = part.partition(b"\r\n\r\n")
        names = re.search(rb'; name="(\w+)"(; filename="[\w.]+")?', head)
        assert names is not None
        name = names[1].decode()
        if names[2]:
            files[name] = content
        else:
            text = content.decode()
            plain = name in {"text", "caption", "chat_id", "photo", "video"}
            fields[name] = text if plain else json.loads(text)
    return fields, files


def refusal(code: int, description: str, **parameters: Any) -> Callable[[], bytes]:
    """Return an order: the call is refused, in Telegram's own words."""
    told: dict[str, Any] = {"ok": False, "error_code": code, "description": description}
    if parameters:
        told["parameters"] = parameters
    return lambda: answer(code, json.dumps(told).encode())


def answer(status: int, body: bytes) -> bytes:
    """Return the bytes of an answer."""
    return f"HTTP/1.1 {status} X\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


DROPPED, LOST = "dropped", "lost"
"""Orders: the connection breaks before the call had an effect, or after it."""


def admit(token: str) -> None:
    if token != f"bot{TOKEN}":
        raise Refusal(401, "Unauthorized")


def answered(bot: Bot, path: str, kind: str, body: bytes) -> bytes | None:
    """Do what a call asks; None where its answer is lost."""
    _, token, method = path.split("/")
    bot.calls.append(method)
    order = bot.orders.pop(0) if bot.orders and not method.startswith("get") else None
    if order == DROPPED:
        return None
    if callable(order):
        made: bytes = order()
        return made
    try:
        admit(token)
        result = bot.call(method, *parsed(kind, body))
    except Refusal as no:
        return refusal(no.code, no.description, **no.parameters)()
    if order == LOST:
        return None
    return answer(200, json.dumps({"ok": True, "result": result}).encode())


@asynccontextmanager
async def telegram() -> AsyncIterator[Bot]:
    """Serve on a free port of loopback."""
    bot = Bot()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            line, *rest = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            headers = {
                name.lower(): value
                for name, value in (each.split(": ", 1) for each in rest if each)
            }
            body = await reader.readexactly(int(headers["content-length"]))
            verb, path, _ = line.split(" ")
            assert verb == "POST"
            said = answered(bot, path, headers["content-type"], body)
            if said is None:
                writer.transport.abort()
            else:
                writer.write(said)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        bot.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        yield bot
