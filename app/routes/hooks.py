"""Webhooks of platforms over HTTP: heard at once, and believed if the app's secret signs them."""

from typing import Any

from fastapi import APIRouter, Request
from starlette.requests import ClientDisconnect

from app import problems
from app.deps import Here, Now
from app.fields import Answer
from app.problems import BadRequest
from schedulers import hearing

router = APIRouter(prefix="/hooks", tags=["hooks"], responses=problems.DOCUMENTED)

EVENT: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": "Whatever the platform sends; its signature is in a header of its own.",
        "content": {"application/json": {"schema": {"type": "object"}}},
    }
}


class HookOut(Answer):
    """It was heard; there is nothing to say."""


@router.post("/{platform}", openapi_extra=EVENT)
async def hear_platform(platform: str, request: Request, house: Here, now: Now) -> HookOut:
    """Hear what a platform tells by itself about a post or an account.

    It is believed if the secret of a connected channel's app signs it, within five minutes.
    """
    try:
        body = await request.body()
    except ClientDisconnect as error:
        raise BadRequest from error
    headers = {name.lower(): value for name, value in request.headers.items()}
    await hearing.hear(house.store, house.ring, house.connectors, platform, headers, body, now)
    return HookOut()
