"""Problems (RFC 9457): every error, answered once, in the caller's language."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from uuid import UUID

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from app import mix_speech
from app.conditions import IfMatchMissing, NotModified
from app.idempotency import Replayed
from app.limits import TooManyRequests
from app.schemas.mix import ChangesNeeded, MixFix, MixWindow
from app.speech import LANGUAGE, fault_text, filled, messages
from app.syncing import FullSyncRequired
from app.throttle import TooManyLogins
from planner.content import OPTIONS_TAG
from planner.errors import (
    Conflict,
    Fault,
    Forbidden,
    Invalid,
    NotFound,
    PilarError,
    Stale,
    Unauthenticated,
    Unavailable,
)
from store.admission import MixViolation

log = structlog.get_logger()

MEDIA_TYPE = "application/problem+json"
DISCRIMINATORS = ("op", OPTIONS_TAG)
"""The fields of bodies that say what their object is."""


class BodyTooLarge(PilarError):
    """The request's body is over the limit."""


class WrongMediaType(PilarError):
    """The request's body is of a type that this operation does not read."""


class InvalidRequest(Invalid):
    """The request does not have the form that this operation takes."""


class NoSuchPath(NotFound):
    """Nothing lives at this path."""


class WrongMethod(PilarError):
    """The path exists, the method does not."""


class RangeNotSatisfiable(PilarError):
    """The range that was asked for begins after the file's end; `size` is its bytes."""


class BadRequest(PilarError):
    """The request cannot be read as HTTP."""


class InternalError(PilarError):
    """Something went wrong here; it was logged under the request's id."""


STATUS: Sequence[tuple[type[PilarError], int]] = (
    (IfMatchMissing, 428),
    (BodyTooLarge, 413),
    (WrongMediaType, 415),
    (WrongMethod, 405),
    (BadRequest, 400),
    (RangeNotSatisfiable, 416),
    (FullSyncRequired, 410),
    (TooManyLogins, 429),
    (TooManyRequests, 429),
    (NotFound, 404),
    (Conflict, 409),
    (Invalid, 422),
    (Forbidden, 403),
    (Unauthenticated, 401),
    (Stale, 412),
    (Unavailable, 503),
    (PilarError, 500),
)


class ProblemItem(BaseModel):
    """One thing that is wrong in a request."""

    pointer: str
    code: str
    message: str


class Problem(BaseModel):
    """An error (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    request_id: str
    errors: list[ProblemItem] = []
    current_version: int | None = None
    operation: int | None = None
    earlier: UUID | None = None
    windows: list[MixWindow] | None = None
    changes_needed: ChangesNeeded | None = None
    fixes: list[MixFix] | None = None


DOCUMENTED: dict[int | str, dict[str, Any]] = {
    "4XX": {
        "description": "The request was refused; the problem says why and how to mend it.",
        "model": Problem,
    },
    "5XX": {"description": "Not now, or a fault here.", "model": Problem},
}


def status_of(error: PilarError) -> int:
    """Return the HTTP status of a kind of error."""
    return status_of_kind(type(error))


def status_of_kind(kind: type[PilarError]) -> int:
    """Return the HTTP status that errors of a class are answered with."""
    return next(status for each, status in STATUS if issubclass(kind, each))


def key_of(error: type[PilarError]) -> str:
    """Return a problem's key: its class name in kebab case."""
    return re.sub(r"(?<!^)(?=[A-Z])", "-", error.__name__).lower()


def problem(error: PilarError, language: str, instance: str, request_id: str) -> dict[str, Any]:
    """Return a problem's body; `errors` is there for what is wrong in a request."""
    key = key_of(type(error))
    texts = messages(language)[key]
    body: dict[str, Any] = {
        "type": f"/problems/{key}",
        "title": texts["title"],
        "status": status_of(error),
        "detail": detail_of(error, language),
        "instance": instance,
        "request_id": request_id,
    }
    if isinstance(error, Invalid):
        body["errors"] = [
            {
                "pointer": fault.pointer,
                "code": fault.code,
                "message": fault_text(fault, language),
            }
            for fault in error.faults
        ]
    carried = (("current_version", "current"), ("operation", "operation"), ("earlier", "earlier"))
    for name, fact in carried:
        if fact in error.facts:
            body[name] = error.facts[fact]
    if isinstance(error, MixViolation):
        body |= mix_speech.members(error, language)
    return body


def detail_of(error: PilarError, language: str) -> str:
    """Return the sentence that says what is wrong, with its facts."""
    if isinstance(error, MixViolation):
        return mix_speech.detail(error, language)
    return filled(messages(language)[key_of(type(error))]["detail"], error.facts, language)


class _Answer(JSONResponse):
    """A problem as bytes: it may name what came in, and half a character has none."""

    def render(self, content: Any) -> bytes:
        """Return the body, with a question mark for what UTF-8 cannot say."""
        text = json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        return text.encode("utf-8", "replace")


def answer(request: Request, error: PilarError) -> Response:
    """Return the answer to a request that ended in an error."""
    language = LANGUAGE.get()
    body = problem(error, language, request.url.path, getattr(request.state, "request_id", ""))
    headers = {"Content-Language": language, "Cache-Control": "no-store"}
    if isinstance(error, Unauthenticated):
        headers["WWW-Authenticate"] = 'Bearer realm="pilar"'
    if retry := error.facts.get("retry_after_seconds"):
        headers["Retry-After"] = str(retry)
    if isinstance(error, RangeNotSatisfiable):
        headers["Content-Range"] = f"bytes */{error.facts['size']}"
    if allow := error.facts.get("allow"):
        headers["Allow"] = allow
    return _Answer(body, body["status"], headers, MEDIA_TYPE)


def faults_of(errors: Sequence[Any], body: Any = None) -> list[Fault]:
    """Return pydantic's errors as faults with JSON pointers into the body, if it is known."""
    faults = []
    for error in errors:
        place, *steps = error["loc"]
        prefix = "" if place == "body" else f"/{place}"
        facts = dict(error.get("ctx") or {})
        code = str(error["type"]).replace("_", "-")
        if place == "body":
            steps = _without_tags(steps, body, error)
        if code.startswith("union-tag"):  # what is wrong is the field that says what is meant
            steps.append(facts["discriminator"].strip("'"))
        pointer = prefix + "".join(f"/{step}" for step in steps)
        if isinstance(facts.get("expected"), str):  # a list of words, without an English "or"
            facts["expected"] = facts["expected"].replace(" or ", ", ")
        faults.append(Fault(pointer, code, facts))
    return faults


def _without_tags(steps: list[Any], body: Any, error: Mapping[str, Any]) -> list[Any]:
    """Return the steps to what is wrong: pydantic tells between them what it took a value for."""
    last = steps[-1:] if error["type"] == "missing" else []  # it is missing in the input
    ways = _ways(steps[: len(steps) - len(last)], body)
    for way, end in ways:
        if end is error.get("input"):
            return [*way, *last]
    return steps[:-1] if steps[-1:] == ["[key]"] else steps  # a name is wrong, not what it names


def _ways(steps: list[Any], here: Any) -> Iterator[tuple[list[Any], Any]]:
    """Tell every way on which steps may lead, with its end, with and without what may be tags."""
    if not steps:
        yield [], here
        return
    step, *rest = steps
    if isinstance(here, Mapping) and step in (here.get(name) for name in DISCRIMINATORS):
        yield from _ways(rest, here)
    places = range(len(here)) if isinstance(here, list) else here
    if isinstance(here, Mapping | list) and step in places:
        for way, end in _ways(rest, here[step]):
            yield [step, *way], end


def methods_at(app: FastAPI, path: str) -> list[str]:
    """Return every method that a path takes, of all the routes that share it."""
    found = set()
    for template, operations in app.openapi()["paths"].items():
        if re.fullmatch(re.sub(r"\\{[^}]+\\}", "[^/]+", re.escape(template)), path):
            found |= {method.upper() for method in operations}
    return sorted(found)


def install(app: FastAPI) -> None:
    """Answer every error of an application as a problem."""

    async def on_pilar(request: Request, error: Exception) -> Response:
        assert isinstance(error, PilarError)  # noqa: S101
        return answer(request, error)

    async def on_invalid(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)  # noqa: S101
        return answer(request, InvalidRequest(*faults_of(error.errors(), error.body)))

    async def on_http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)  # noqa: S101
        if isinstance(error.__cause__, PilarError):  # raised while the body was read
            return answer(request, error.__cause__)
        if error.status_code == 404:
            return answer(request, NoSuchPath(path=request.url.path))
        if error.status_code == 405:
            allow = ", ".join(methods_at(app, request.url.path))
            return answer(request, WrongMethod(method=request.method, allow=allow))
        return answer(request, BadRequest())

    async def on_same(_request: Request, error: Exception) -> Response:
        assert isinstance(error, NotModified)  # noqa: S101
        return Response(status_code=304, headers={"ETag": error.etag})

    async def on_repeat(_request: Request, error: Exception) -> Response:
        assert isinstance(error, Replayed)  # noqa: S101
        return error.answer

    async def on_bug(request: Request, error: Exception) -> Response:
        log.error("request crashed", path=request.url.path, exc_info=error)
        return answer(request, InternalError())

    app.add_exception_handler(PilarError, on_pilar)
    app.add_exception_handler(RequestValidationError, on_invalid)
    app.add_exception_handler(HTTPException, on_http)
    app.add_exception_handler(NotModified, on_same)
    app.add_exception_handler(Replayed, on_repeat)
    app.add_exception_handler(Exception, on_bug)
