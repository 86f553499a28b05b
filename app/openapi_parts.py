"""What the API's description says of every operation: tags, security, headers, problems."""

from collections.abc import Iterator, Mapping
from typing import Any

from app import problems
from app.auth import LoginNeeded
from app.conditions import IfMatchMissing, VersionChanged
from app.problems import (
    BadRequest,
    BodyTooLarge,
    InternalError,
    InvalidRequest,
    NoSuchPath,
    RangeNotSatisfiable,
    WrongMediaType,
)
from app.syncing import FullSyncRequired
from app.throttle import TooManyLogins
from planner.access import MayNot
from planner.errors import Fault, PilarError
from store.health import NotReady
from store.people import AlreadyMember

API = "/api/"

TAGS: Mapping[str, str] = {
    "me": "Who is calling, and where they belong.",
    "sessions": "People log in and out; a session is a cookie of a browser.",
    "workspaces": "An office or brand: everything else lives in one.",
    "members": "The people of a workspace and their roles.",
    "invitations": "One-time links by which people join a workspace.",
    "api-keys": "The machines of a workspace: what they may do, and until when.",
    "platforms": "What each platform allows: lengths, files, settings, credentials.",
    "mix": "The wanted shares of each type of content, by version.",
    "pillars": "The themes that an office talks about.",
    "campaigns": "Named pushes with a first and a last day.",
    "channels": "Accounts on platforms: their credentials, and their weekly slots.",
    "media": "Pictures and videos, known by their bytes.",
    "posts": "What is written, approved and put away.",
    "publications": "A post on a channel at an instant, and what became of it.",
    "holds": "What may not go out for the time being, and what it was too late for.",
    "alerts": "What somebody should hear of without looking, who hears it, and whether they did.",
    "calendar": "What stands on which day, what is free, and what is special.",
    "reports": "A month as an office accounts for it: what went out, and how the mix was kept.",
    "calendar-links": "Secret links by which a calendar program follows a workspace.",
    "audit": "Who did what, in a chain of hashes.",
    "oauth": "Where a browser goes to connect an account at its platform, and comes back to.",
    "hooks": "What platforms tell by themselves, signed with the secret of a channel's app.",
    "public": "What anybody may read: feeds, files behind signed links, problem types.",
    "operations": "For those who run the service.",
}

INFO: Mapping[str, Any] = {
    "description": (
        "Errors are problems (RFC 9457) in English or Indonesian, by `Accept-Language`. Every "
        "resource has an `ETag`; a change names the version it changes in `If-Match`. A POST with "
        "an `Idempotency-Key` has its effect once, however often it is sent. Lists come in pages: "
        "`Link` leads to the next one. Every answer carries `X-Request-ID`, as do the logs."
    ),
    "contact": {"name": "Whoever runs this Pilar"},
    "license": {"name": "All rights reserved", "identifier": "LicenseRef-all-rights-reserved"},
}

SERVERS = [{"url": "/", "description": "Where this description was fetched from."}]

KEY, SESSION = "key", "session"


def security_schemes(cookie: str) -> dict[str, Any]:
    """Return how callers say who they are; `cookie` is the name of the session's."""
    return {
        KEY: {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "pilar_…",
            "description": "An API key of a workspace; its scopes say what it may do there.",
        },
        SESSION: {
            "type": "apiKey",
            "in": "cookie",
            "name": cookie,
            "description": "The session that `begin_session` began. Changes that a page of another "
            "site asks for are refused.",
        },
    }


PUBLIC = {"begin_session", "read_calendar_feed"}
"""Operations of the API that ask nobody who they are: what they are given says enough."""

OPTIONAL = {"accept_invitation"}
"""Those that know a visitor by the session, and welcome others too."""

PEOPLE_TAGS = {"sessions", "api-keys", "invitations"}
PEOPLE = {"change_password", "add_workspace", "change_member", "remove_member"}
"""Operations that are for people: no key may, whatever its scopes."""

ANYONE = {"read_all_compliance", "read_me", "list_platforms", "read_platform", "list_workspaces"}
"""Operations that no role and no scope is too little for."""

NOT_REPEATABLE = {
    "begin_session",
    "accept_invitation",
    "add_alert_target",
    "add_calendar_link",
    "add_invitation",
    "add_key",
    "add_media",
    "check_channel",
    "check_mix",
    "connect_channel",
    "disconnect_channel",
    "withdraw_publication",
}
"""POSTs without `Idempotency-Key`: the answer is a secret, or sending it again changes nothing."""

TAGGED = {
    "list_platforms",
    "list_problems",
    "read_all_compliance",
    "read_calendar",
    "read_calendar_feed",
    "read_compliance",
    "read_me",
    "read_platform",
    "read_problem",
}
"""GETs that have an `ETag` though what they answer counts no versions."""

TAGGED_CHANGES = {
    "accept_invitation",
    "begin_session",
    "check_channel",
    "disconnect_channel",
    "set_credentials",
    "withdraw_publication",
}
"""Changes that have one for the same reason: the version is that of something beside it."""


def security_of(name: str, path: str, tags: list[str]) -> list[dict[str, list[str]]]:
    """Return which callers an operation takes; none where it takes everybody."""
    if not path.startswith(API) or name in PUBLIC:
        return []
    if name in OPTIONAL:
        return [{}, {SESSION: []}]
    if name in PEOPLE or PEOPLE_TAGS & set(tags):
        return [{SESSION: []}]
    return [{KEY: []}, {SESSION: []}]


ENTITY_TAG = r'^("[^"]*"|W/"[^"]*"|\*)(, *("[^"]*"|W/"[^"]*"))*$'

IF_MATCH: Mapping[str, Any] = {
    "name": "If-Match",
    "in": "header",
    "required": True,
    "description": "The version that is changed, as the `ETag` of its last answer said; `*` is "
    "whichever there is. Left out: 428. Another one: 412, with the present version.",
    "schema": {"type": "string", "pattern": ENTITY_TAG},
    "examples": {"seen": {"value": '"3"'}, "whichever": {"value": "*"}},
}
IF_NONE_MATCH: Mapping[str, Any] = {
    "name": "If-None-Match",
    "in": "header",
    "required": False,
    "description": "The `ETag` of an answer that is kept: 304 if it would be the same again.",
    "schema": {"type": "string"},
    "example": '"3"',
}
IDEMPOTENCY_KEY: Mapping[str, Any] = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "A text of your own for this change, new for each: sent again with the same "
    "body within 24 hours, the change is not made again and the first answer is given again. "
    "With another body: 422.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": r"^[\x21-\x7e]+$"},
    "example": "8f14e45f-ceea-467f-a8a7-3a1f0b6c2d11",
}


def _header(description: str, schema: dict[str, Any], example: object, **more: Any) -> Any:
    return {"description": description, "schema": schema, "example": example, **more}


TEXT, NUMBER = {"type": "string"}, {"type": "integer", "minimum": 0}
HEADERS: Mapping[str, Any] = {
    "X-Request-ID": _header(
        "The request's id, as the logs have it: yours if you sent one (8 to 64 of `A-Za-z0-9._-`).",
        TEXT,
        "0198c0de-5e2d-7c3a-9a41-2f0c6f1f7a10",
        required=True,
    ),
    "ETag": _header("The version that was answered, for `If-Match`.", TEXT, '"3"', required=True),
    "Location": _header(
        "The path of what was made.",
        {"type": "string", "format": "uri-reference"},
        "/api/v1/workspaces/biro-humas",
        required=True,
    ),
    "Content-Location": _header(
        "The path of what is there already.",
        {"type": "string", "format": "uri-reference"},
        "/api/v1/workspaces/biro-humas",
    ),
    "Link": _header(
        "The next page, if there is one (RFC 8288).",
        TEXT,
        '</api/v1/workspaces?after=WyIvYXBp.c2ln>; rel="next"',
    ),
    "Retry-After": _header("In how many seconds to try again, if that is known.", NUMBER, 30),
    "RateLimit": _header(
        "What is left of the quota, where one applies.", TEXT, '"default";r=99;t=60'
    ),
    "RateLimit-Policy": _header("The quota, where one applies.", TEXT, '"default";q=600;w=60'),
    "WWW-Authenticate": _header("How to say who you are.", TEXT, 'Bearer realm="pilar"'),
    "Content-Range": _header("How long the file is.", TEXT, "bytes */48213"),
}


def header_refs(*names: str) -> dict[str, Any]:
    """Return references to headers, and to the one that every answer has."""
    return {name: {"$ref": f"#/components/headers/{name}"} for name in ("X-Request-ID", *names)}


# By status: its name among the components, what it says, an example, and its headers.
_PROBLEMS: Mapping[int, tuple[str, str, PilarError, tuple[str, ...]]] = {
    400: ("Unreadable", "The request cannot be read as HTTP.", BadRequest(), ()),
    401: (
        "LoginNeeded",
        "No key and no session came along, or none that is good.",
        LoginNeeded(),
        ("WWW-Authenticate",),
    ),
    403: (
        "NotAllowed",
        "The caller is known and may not do this.",
        MayNot(needs="write"),
        (),
    ),
    404: (
        "NotFound",
        "There is no such thing, or the caller may not know of it.",
        NoSuchPath(path="/api/v1/workspaces/biro-humas"),
        (),
    ),
    409: (
        "Conflict",
        "It contradicts what is there.",
        AlreadyMember(email="sari@biro.example"),
        ("Retry-After",),
    ),
    410: (
        "FullSyncRequired",
        "The sync token is too old, or of another workspace: read all of it again.",
        FullSyncRequired(),
        (),
    ),
    412: (
        "VersionChanged",
        "It is at another version than the one in `If-Match`.",
        VersionChanged(current=4),
        (),
    ),
    413: ("BodyTooLarge", "The body is over the limit.", BodyTooLarge(limit=1 << 20), ()),
    415: (
        "WrongMediaType",
        "The body is of a type that is not read here.",
        WrongMediaType(given="text/plain", wanted="application/json"),
        (),
    ),
    416: (
        "RangeNotSatisfiable",
        "The range begins after the file's end.",
        RangeNotSatisfiable(size=48213),
        ("Content-Range",),
    ),
    422: (
        "InvalidRequest",
        "Something in the request is wrong; `errors` says where and how to mend it.",
        InvalidRequest(Fault("/name", "missing")),
        (),
    ),
    428: ("IfMatchMissing", "`If-Match` is missing.", IfMatchMissing(), ()),
    429: (
        "TooMany",
        "Too much was asked for; `Retry-After` says when to try again.",
        TooManyLogins(retry_after_seconds=30),
        ("Retry-After", "RateLimit", "RateLimit-Policy"),
    ),
    500: (
        "InternalError",
        "A fault here; it was logged under the request's id.",
        InternalError(),
        (),
    ),
    503: (
        "Unavailable",
        "Not now.",
        NotReady(reasons="database-unreachable", retry_after_seconds=5),
        ("Retry-After",),
    ),
}


def problem_ref(status: int) -> dict[str, str]:
    """Return a reference to what is answered with a status."""
    return {"$ref": f"#/components/responses/{_PROBLEMS[status][0]}"}


def problem_responses() -> dict[str, Any]:
    """Return every problem's answer under its name, with the sentences that it really has."""
    request_id = HEADERS["X-Request-ID"]["example"]
    return {
        name: {
            "description": description,
            "headers": header_refs(*headers),
            "content": {
                problems.MEDIA_TYPE: {
                    "schema": {"$ref": "#/components/schemas/Problem"},
                    "example": problems.problem(
                        error, "en", "/api/v1/workspaces/biro-humas", request_id
                    ),
                }
            },
        }
        for name, description, error, headers in _PROBLEMS.values()
    }


def statuses_of(
    name: str, method: str, operation: Mapping[str, Any], security: list[Any]
) -> Iterator[int]:
    """Tell with which problems an operation may answer."""
    parameters = operation.get("parameters", ())
    names = {each["name"] for each in parameters}
    rules = {
        (400, 413, 415): "requestBody" in operation,
        (401,): name in {"begin_session", "hear_platform"}
        or (bool(security) and {} not in security),
        (403,): name in {"begin_session", "read_metrics"}
        or (bool(security) and name not in ANYONE),
        (404,): name in OPTIONAL or any(each["in"] == "path" for each in parameters),
        (409,): bool(security) and method != "get",
        (410,): "sync_token" in names,
        (412, 428): IF_MATCH["name"] in names,
        (416,): "206" in operation["responses"],
        (422, 429): bool(security) or name in PUBLIC,
        (500,): True,
        (503,): name != "read_liveness",
    }
    for statuses, holds in rules.items():
        if holds:
            yield from statuses
