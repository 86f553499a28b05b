"""How tests upload files, in one line."""

from typing import Any

import httpx

from tests.app.conftest import Office
from tests.conftest import Client

Part = tuple[str | None, bytes | str] | tuple[str | None, bytes | str, str]


async def send_form(client: Client, office: Office, *parts: tuple[str, Part]) -> httpx.Response:
    return await client("POST", office.path("/media"), files=list(parts))


async def upload(office: Office, content: bytes, filename: str = "foto.png", **texts: str) -> Any:
    """Upload a file as the editor, and insist on success."""
    parts: list[tuple[str, Part]] = [("file", (filename, content))]
    parts += [(field, (None, text)) for field, text in texts.items()]
    answer = await send_form(office.editor, office, *parts)
    assert answer.is_success, (answer.status_code, answer.text)
    return answer.json()


def encoded(*parts: tuple[str, Part]) -> tuple[bytes, str]:
    """Return a form as bytes, and its content type."""
    request = httpx.Request("POST", "http://pilar.test", files=list(parts))
    return request.read(), request.headers["Content-Type"]
