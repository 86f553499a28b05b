"""Channels over HTTP: accounts on platforms, their credentials, and whether they answer."""

import unicodedata
from datetime import datetime
from typing import Annotated, Any, Self
from uuid import UUID

from fastapi import APIRouter, Request, Response
from pydantic import AfterValidator, Field, RootModel, SecretStr, WithJsonSchema
from pydantic_core import PydanticCustomError

from app.conditions import IfMatch, answer_if_new, check_match, etag_of, tag
from app.deps import Db, Here, House, Manager, Now, Reads, Slug, Viewer, caller_for_reading
from app.fields import Answer, Body, Line, Moment
from app.idempotency import Remembered
from app.paging import Pages
from app.speech import reason_text
from planner.access import Ability, check_ability
from planner.channels import check_credentials, check_settings, reason_not_connected
from planner.fit import left_out
from planner.platforms import Piece, platform
from planner.slots import parse_zone
from schedulers import acts, connecting
from store import callers, channels, workspaces
from store import connecting as authorizations
from store.callers import Caller
from store.tables import Channel, Workspace

router = APIRouter(route_class=Remembered, prefix="/workspaces/{ws}/channels", tags=["channels"])


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    for text in (value for value in values.values() if isinstance(value, str)):
        if any(unicodedata.category(each) in {"Cc", "Cs"} for each in text):
            raise PydanticCustomError("control_character", "control characters are refused")
    return values


Handle = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,60}$", examples=["biro.humas"])]
Name = Annotated[Line, Field(max_length=120, examples=["Berita kantor"])]
Zone = Annotated[
    str | None,
    Field(max_length=64, examples=["Asia/Makassar"], description="Null: the workspace's."),
]
Settings = Annotated[
    dict[str, Any],
    Field(max_length=50, description="As `/platforms` says; not secret."),
    AfterValidator(_plain),
    WithJsonSchema(
        {
            "type": "object",
            "additionalProperties": {"type": ["string", "boolean", "integer"]},
            "maxProperties": 50,
        }
    ),
]


class ChannelIn(Body):
    """An account on a platform."""

    platform: Annotated[str, Field(max_length=20, examples=["feed"])]
    handle: Handle
    name: Name
    timezone: Zone = None
    settings: Settings = {}


class ChannelChange(Body):
    """What to change; fields that are left out stay. Settings are replaced as a whole."""

    # Factories, so that the schema names no defaults: what is left out has none.
    handle: Handle = Field(default_factory=str)
    name: Name = Field(default_factory=str)
    timezone: Zone = Field(default_factory=lambda: None)
    settings: Settings = Field(default_factory=dict)


class Credentials(RootModel[dict[str, SecretStr]]):
    """The platform's secrets by the names that `/platforms` gives them; never answered."""

    model_config = {"json_schema_extra": {"examples": [{"secret": "whsec_…"}]}}

    def plain(self) -> dict[str, str]:
        """Return the secrets in clear."""
        return {name: secret.get_secret_value() for name, secret in self.root.items()}


class ChannelOut(Answer):
    """A channel; `credentials` names those that are set, never what they are.

    `left_out` is, by format, what of a post does not reach the account as the channel is set; a
    format that is not there arrives whole.
    """

    id: UUID
    platform: str
    handle: str
    name: str
    timezone: str | None
    connection: str
    connection_reason: str | None
    settings: dict[str, str | bool | int]
    credentials: list[str]
    left_out: dict[str, list[Piece]]
    created_at: Moment
    updated_at: Moment
    version: int

    @classmethod
    def of(cls, channel: Channel) -> Self:
        """Return a row as it is answered."""
        on = platform(channel.platform)
        left = {each: left_out(on, each, channel.settings) for each in sorted(on.formats)}
        known = {
            "credentials": sorted(channel.secrets),
            "left_out": {format_: pieces for format_, pieces in left.items() if pieces},
        }
        return cls.model_validate(channel.model_dump(exclude={"secrets"}) | known)


class ChannelPage(Answer):
    """Some channels, and where the next page begins."""

    items: list[ChannelOut]
    next: str | None


class CheckOut(Answer):
    """Whether the account answers, and if not, why; `permissions` by the platform's own names."""

    answers: bool
    reason: str | None
    detail: str
    permissions: list[str]
    channel: ChannelOut


class ConnectOut(Answer):
    """Where a person goes to connect the account, once, before `expires_at`.

    If a person asked, it has to be opened in the browser in which they are logged in.
    """

    url: str
    expires_at: Moment


class DisconnectOut(Answer):
    """A channel that has no granted credentials any more.

    `confirmed`: the platform says that it takes them no more. If it does not, `reason` says why,
    and a person should look at the account's settings there.
    """

    confirmed: bool
    reason: str | None
    reason_text: str | None
    channel: ChannelOut


def _zone(name: str | None) -> str | None:
    return None if name is None else parse_zone(name, "/timezone").key


@router.get("")
async def list_channels(
    pages: Pages,
    db: Reads,
    access: Viewer,
) -> ChannelPage:
    """List the channels."""
    rows = await channels.all_of(db, access.workspace.id, pages.after_id(), pages.limit)
    rows, cursor = pages.cut(rows)
    return ChannelPage(items=[ChannelOut.of(row) for row in rows], next=cursor)


@router.post("", status_code=201)
async def add_channel(
    body: ChannelIn, request: Request, response: Response, db: Db, access: Manager, now: Now
) -> ChannelOut:
    """Add a channel; where the platform asks for credentials it is disconnected without them."""
    check_settings(body.platform, body.settings)
    fields = body.model_dump() | {"timezone": _zone(body.timezone)}
    if reason := reason_not_connected(body.platform, {}):
        fields |= {"connection": "disconnected", "connection_reason": reason}
    channel = await channels.add(db, access.workspace, access.actor, fields, now)
    response.headers["Location"] = f"{request.url.path}/{channel.id}"
    tag(response, channel)
    return ChannelOut.of(channel)


@router.get("/{channel_id}")
async def read_channel(
    channel_id: UUID, request: Request, response: Response, db: Reads, access: Viewer
) -> ChannelOut:
    """Read a channel."""
    channel = await channels.of(db, access.workspace.id, channel_id)
    answer_if_new(request, response, etag_of(channel))
    return ChannelOut.of(channel)


@router.patch("/{channel_id}")
async def change_channel(
    channel_id: UUID,
    body: ChannelChange,
    response: Response,
    db: Db,
    access: Manager,
    now: Now,
    if_match: IfMatch = None,
) -> ChannelOut:
    """Change a channel; another zone keeps the wall clock of what waits on it."""
    channel = await channels.of(db, access.workspace.id, channel_id)
    check_match(channel, if_match)
    fields = body.model_dump(exclude_unset=True)
    if "timezone" in fields:
        fields["timezone"] = _zone(body.timezone)
    if "settings" in fields:
        check_settings(channel.platform, body.settings)
    await channels.change(db, access.workspace, access.actor, channel, fields, now)
    await db.flush()
    tag(response, channel)
    return ChannelOut.of(channel)


@router.delete("/{channel_id}", status_code=204)
async def remove_channel(
    channel_id: UUID, db: Db, access: Manager, now: Now, if_match: IfMatch = None
) -> None:
    """Delete a channel that nothing was ever put on or written for."""
    channel = await channels.of(db, access.workspace.id, channel_id)
    check_match(channel, if_match)
    await channels.remove(db, access.workspace, access.actor, channel, now)


@router.put("/{channel_id}/credentials", status_code=204)
async def set_credentials(
    channel_id: UUID,
    body: Credentials,
    response: Response,
    house: Here,
    db: Db,
    access: Manager,
    now: Now,
    if_match: IfMatch = None,
) -> None:
    """Replace a channel's credentials; they are sealed, and nothing ever answers them."""
    channel = await channels.of(db, access.workspace.id, channel_id)
    check_match(channel, if_match)
    secrets = body.plain()
    check_credentials(channel.platform, secrets)
    await channels.set_secrets(
        db, access.workspace, access.actor, channel, secrets, house.ring, now
    )
    await db.flush()
    tag(response, channel)


@router.post("/{channel_id}/check")
async def check_channel(
    slug: Slug, channel_id: UUID, request: Request, response: Response, house: Here, now: Now
) -> CheckOut:
    """Ask the account whether it answers, without publishing anything."""
    caller, workspace = await _entered(request, house, slug, Ability.PUBLISH, now)
    channel, checked = await acts.check_channel(
        house.store, house.ring, house.connectors, workspace, channel_id, caller.actor, now
    )
    tag(response, channel)
    return CheckOut(
        answers=checked.answers,
        reason=checked.reason,
        detail=checked.detail,
        permissions=list(checked.scopes),
        channel=ChannelOut.of(channel),
    )


async def _entered(
    request: Request, house: House, slug: str, needed: Ability, now: datetime
) -> tuple[Caller, Workspace]:
    """Return who is calling and where, if they may.

    Instead of `Db` and an `Access`: those would hold a transaction while a platform is asked.
    """
    async with house.store.reading() as db:
        caller = await caller_for_reading(request, house, db, now)
        workspace = await workspaces.by_slug(db, slug)
        abilities = await callers.abilities(db, caller, workspace.id)
    if not abilities:
        raise workspaces.NoSuchWorkspace(slug=slug)
    check_ability(abilities, needed)
    return caller, workspace


@router.post("/{channel_id}/connect", status_code=201)
async def connect_channel(
    channel_id: UUID,
    request: Request,
    response: Response,
    house: Here,
    db: Db,
    access: Manager,
    now: Now,
) -> ConnectOut:
    """Begin to connect an account at its platform; the answer says where a person goes for it."""
    channel = await channels.of(db, access.workspace.id, channel_id)
    connecting.check_connectable(house.connectors, channel)
    session = access.caller.session
    row, ticket = await authorizations.give_ticket(
        db,
        house.ring,
        access.workspace,
        access.actor,
        channel,
        session.id if session else None,
        now,
    )
    response.headers["Location"] = request.url.path.rpartition("/")[0]
    response.headers["Cache-Control"] = "no-store"
    url = f"{house.base_url}/oauth/start?ticket={ticket}"
    return ConnectOut(url=url, expires_at=row.expires_at)


@router.post("/{channel_id}/disconnect")
async def disconnect_channel(
    slug: Slug, channel_id: UUID, request: Request, response: Response, house: Here, now: Now
) -> DisconnectOut:
    """Have the platform take the granted credentials no more, and forget them in any case."""
    caller, workspace = await _entered(request, house, slug, Ability.ADMIN, now)
    parted = await connecting.disconnect(
        house.store, house.ring, house.connectors, workspace, channel_id, caller.actor, now
    )
    tag(response, parted.channel)
    return DisconnectOut(
        confirmed=parted.confirmed,
        reason=parted.reason,
        reason_text=reason_text(parted.reason),
        channel=ChannelOut.of(parted.channel),
    )
