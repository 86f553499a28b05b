"""The platform over HTTP: routes, envelopes, and what a refusal looks like at each of them."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any
from urllib.parse import parse_qsl

from pydantic import ValidationError
from pydantic_core import ErrorDetails
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from app.sandbox.tiktok import (
    creators,
    journal,
    listing,
    pages,
    photos,
    statuses,
    tokens,
    uploads,
    videos,
)
from app.sandbox.tiktok.control import CannotDo, Control, obey
from app.sandbox.tiktok.mischief import Misbehaving, address_back, envelope, flat
from app.sandbox.tiktok.rules import Refused, demand
from app.sandbox.tiktok.state import Caller, TikTok
from app.sandbox.tiktok.wire import Wire, work_on

BODY_MAX_BYTES = 1 << 20
JSON_TYPE = ("application/json", "charset=utf-8")

Answering = Callable[[Request], Awaitable[Response]]
Deed = Callable[[Caller, Mapping[str, Any], Request], dict[str, Any]]


def create_sandbox(tiktok: TikTok, wire: Wire | None = None) -> ASGIApp:
    """Return the sandbox as an ASGI app; with a wire it pulls and tells by itself."""

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        working = asyncio.create_task(work_on(tiktok, wire)) if wire else None
        if working:
            working.add_done_callback(_say_why)
        yield
        if working:
            working.cancel()
            with suppress(asyncio.CancelledError):
                await working

    app = Starlette(
        routes=[*_oauth(tiktok), *_api(tiktok), *_around(tiktok)],
        lifespan=lifespan,
        exception_handlers={404: _lost(tiktok), 405: _lost(tiktok)},
    )
    app.router.redirect_slashes = False
    return Misbehaving(app, tiktok)


def _say_why(working: asyncio.Task[None]) -> None:
    """Say at once, not when the server stops, why the platform stopped to work by itself."""
    error = None if working.cancelled() else working.exception()
    if error:
        told = {"message": "The sandbox neither pulls nor tells any more", "exception": error}
        working.get_loop().call_exception_handler(told)


def _oauth(tiktok: TikTok) -> list[Route]:
    async def authorize(request: Request) -> Response:
        return await _authorize(tiktok, request)

    async def token(request: Request) -> Response:
        return await _flat(tiktok, request, "token", lambda form: tokens.exchange(tiktok, form))

    async def revoke(request: Request) -> Response:
        return await _flat(tiktok, request, "revoke", lambda form: tokens.revoke(tiktok, form))

    return [
        Route("/v2/auth/authorize/", authorize, methods=["GET", "POST"]),
        Route("/v2/oauth/token/", token, methods=["POST"]),
        Route("/v2/oauth/revoke/", revoke, methods=["POST"]),
    ]


async def _authorize(tiktok: TikTok, request: Request) -> Response:
    query = dict(request.query_params)
    try:
        tokens.check_app(tiktok, query)
    except Refused as refused:
        tiktok.note(refused, "authorize")
        return _html(pages.wrong(refused), 400)
    try:
        scopes = tokens.check_wish(tiktok, query)
        if request.method == "GET":
            return _html(pages.consent(tiktok, request.url.query, scopes))
        said = parse_qsl((await _body(request)).decode("utf-8", "replace"))
        form = dict(said)
        agreed = form.get("decision") == "allow" and form.get("account") in tiktok.accounts
        demand(agreed, "denied", "The person did not agree.")
        chosen = {value for name, value in said if name == "scope"}
        granted = tuple(scope for scope in scopes if scope in chosen)
        code, given = tokens.agree(tiktok, query, form["account"], granted)
    except Refused as refused:
        tiktok.note(refused, "authorize")
        told = {"error": refused.rule.code, "error_description": refused.why}
    else:
        told = {"code": code, "scopes": ",".join(given)}
    return RedirectResponse(address_back(query, told), 302)


async def _flat(
    tiktok: TikTok,
    request: Request,
    endpoint: str,
    deed: Callable[[Mapping[str, str]], dict[str, Any] | None],
) -> Response:
    try:
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        form = kind == "application/x-www-form-urlencoded"
        demand(form, "form", f"Content-Type is {kind!r}.")
        said = deed(dict(parse_qsl((await _body(request)).decode("utf-8", "replace"))))
    except Refused as refused:
        tiktok.note(refused, endpoint)
        body = flat(tiktok, refused.rule.code, refused.why)
        return _json(body, tiktok.developer.oauth_error_status)
    return Response(status_code=200) if said is None else _json(json.dumps(said).encode())


def _api(tiktok: TikTok) -> list[Route]:
    publish, upload = "video.publish", "video.upload"
    video = ("video.list",)
    posting: list[tuple[str, str, tuple[str, ...], Deed]] = [
        (
            "creator_info/query",
            "creator_info",
            (publish,),
            lambda who, _, __: creators.creator_info(tiktok, who),
        ),
        (
            "video/init",
            "video_init",
            (publish,),
            lambda who, body, _: videos.direct(tiktok, who, body),
        ),
        (
            "inbox/video/init",
            "inbox_init",
            (upload,),
            lambda who, body, _: videos.inbox(tiktok, who, body),
        ),
        (
            "content/init",
            "content_init",
            (publish, upload),
            lambda who, body, _: photos.init(tiktok, who, body),
        ),
        (
            "status/fetch",
            "status",
            (publish, upload),
            lambda who, body, _: statuses.fetch(tiktok, who, body),
        ),
        (
            "cancel",
            "cancel",
            (publish, upload),
            lambda who, body, _: statuses.cancel(tiktok, who, body),
        ),
    ]
    routes = [
        Route(f"/v2/post/publish/{path}/", _call(tiktok, endpoint, scopes, deed), methods=["POST"])
        for path, endpoint, scopes, deed in posting
    ]

    def fields(request: Request) -> str:
        return request.query_params.get("fields", "")

    return [
        *routes,
        Route(
            "/v2/user/info/",
            _call(
                tiktok,
                "user_info",
                ("user.info.basic",),
                lambda who, _, request: creators.user_info(tiktok, who, fields(request)),
            ),
            methods=["GET"],
        ),
        Route(
            "/v2/video/list/",
            _call(
                tiktok,
                "video_list",
                video,
                lambda who, body, request: listing.listed(tiktok, who, fields(request), body),
            ),
            methods=["POST"],
        ),
        Route(
            "/v2/video/query/",
            _call(
                tiktok,
                "video_query",
                video,
                lambda who, body, request: listing.queried(tiktok, who, fields(request), body),
            ),
            methods=["POST"],
        ),
    ]


def _call(tiktok: TikTok, endpoint: str, scopes: tuple[str, ...], deed: Deed) -> Answering:
    async def answer(request: Request) -> Response:
        try:
            caller = tokens.caller_of(tiktok, request.headers.get("authorization", ""))
            creators.check_scope(caller, *scopes)
            creators.check_rate(tiktok, endpoint, caller.account.username)
            body = await _document(request, endpoint)
            return _json(envelope(tiktok, deed(caller, body, request)))
        except Refused as refused:
            tiktok.note(refused, endpoint)
            said = envelope(tiktok, {}, refused.rule.code, refused.why)
            return _json(said, refused.rule.status)

    return answer


async def _document(request: Request, endpoint: str) -> dict[str, Any]:
    """Return a body that must be a JSON object; where none is needed, nothing is enough."""
    content = await _body(request)
    if not content and endpoint in {"creator_info", "user_info", "video_list"}:
        return {}
    rule = "json-other" if endpoint.startswith("video_") and endpoint != "video_init" else "json"
    kind = request.headers.get("content-type", "").lower().replace(" ", "").split(";")
    demand(tuple(kind) == JSON_TYPE, rule, f"Content-Type is {';'.join(kind)!r}.")
    try:
        document = json.loads(content.decode("utf-8"))
    except (ValueError, RecursionError):
        raise Refused(rule, "The body is not JSON in UTF-8.") from None
    if not isinstance(document, dict):
        raise Refused(rule, "The body is not a JSON object.")
    demand(endpoint != "creator_info" or not document, "unknown-field", "The body must be empty.")
    return document


def _around(tiktok: TikTok) -> list[Route]:
    async def put(request: Request) -> Response:
        return await _put(tiktok, request)

    async def control(request: Request) -> Response:
        if not request.headers.get("content-type", "").startswith("application/json"):
            # Of other types any web page may post without asking first.
            return JSONResponse({"wrong": ["Content-Type: application/json"]}, 415)
        try:
            obey(tiktok, Control.model_validate_json(await request.body()))
        except ValidationError as error:
            wrong = [_said(each) for each in error.errors()]
            return JSONResponse({"wrong": wrong}, 422)
        except CannotDo as error:
            return JSONResponse({"wrong": str(error)}, 409)
        return JSONResponse(journal.state_of(tiktok))

    async def state(_request: Request) -> Response:
        return JSONResponse(journal.state_of(tiktok))

    async def picture(request: Request) -> Response:
        return Response(pages.picture(request.path_params["name"]), media_type="image/svg+xml")

    async def home(_request: Request) -> Response:
        return _html(pages.home(tiktok))

    return [
        Route("/video/", put, methods=["PUT"]),
        Route("/_sandbox/control", control, methods=["POST"]),
        Route("/_sandbox/state", state, methods=["GET"]),
        Route("/picture/{name}.svg", picture, methods=["GET"]),
        Route("/", home, methods=["GET"]),
    ]


def _said(error: ErrorDetails) -> str:
    return f"/{'/'.join(map(str, error['loc']))}: {error['msg']}"


async def _put(tiktok: TikTok, request: Request) -> Response:
    try:
        done = await uploads.put(tiktok, request.query_params, request.headers, request.stream())
    except uploads.OutOfOrder as refused:
        tiktok.note(refused, "upload")
        done = refused.progress
    except Refused as refused:
        tiktok.note(refused, "upload")
        return Response(refused.why, refused.rule.status, media_type="text/plain")
    except ClientDisconnect:
        tiktok.note(Refused("put-whole", "The connection ended within the chunk."), "upload")
        return Response(status_code=400)
    return Response(status_code=done.status, headers={"Content-Range": done.content_range})


def _lost(tiktok: TikTok) -> Callable[[Request, Exception], Awaitable[Response]]:
    async def lost(request: Request, _error: Exception) -> Response:
        refused = Refused("endpoint", f"{request.method} {request.url.path} does not exist.")
        if request.url.path.startswith(("/v2/", "/video/")):  # browsers ask for icons
            tiktok.note(refused, "")
        return _json(envelope(tiktok, {}, refused.rule.code, refused.why), 404)

    return lost


async def _body(request: Request) -> bytes:
    body = b""
    async for piece in request.stream():
        body += piece
        demand(len(body) <= BODY_MAX_BYTES, "json", "The body is larger than a MiB.")
    return body


def _json(body: bytes, status: int = 200) -> Response:
    return Response(body, status, media_type="application/json")


def _html(text: str, status: int = 200) -> Response:
    return Response(text, status, pages.HEADERS, "text/html; charset=utf-8")
