"""Conditional requests (RFC 9110, section 13): ETag, If-Match, If-None-Match."""

from typing import Annotated, Protocol

from fastapi import Header, Request, Response

from planner.errors import PilarError, Stale


class Versioned(Protocol):
    """Something that counts its changes."""

    version: int


class VersionChanged(Stale):
    """The resource changed since the caller read it."""


class IfMatchMissing(PilarError):
    """A change must say which version it changes."""


class NotModified(Exception):
    """The caller has the present version already; answered as 304."""

    def __init__(self, etag: str) -> None:
        super().__init__(etag)
        self.etag = etag


IfMatch = Annotated[
    str | None,
    Header(description='The version that is changed, as its `ETag` said (`"3"`).'),
]


def etag_of(row: Versioned) -> str:
    """Return the entity tag of a row."""
    return f'"{row.version}"'


def check_match(row: Versioned, if_match: str | None) -> None:
    """Refuse a change to another version than the caller saw; `*` means any.

    Raises `IfMatchMissing` (428) or `VersionChanged` (412, with the present version).
    """
    if if_match is None:
        raise IfMatchMissing
    tags = {tag.strip() for tag in if_match.split(",")}
    if "*" not in tags and etag_of(row) not in tags:
        raise VersionChanged(current=row.version)


def check_version(row: Versioned, version: int) -> None:
    """Refuse a change to another version than the caller saw; raises `VersionChanged`."""
    if row.version != version:
        raise VersionChanged(current=row.version)


def tag(response: Response, row: Versioned) -> None:
    """Put the row's entity tag on an answer."""
    response.headers["ETag"] = etag_of(row)


def tags_known(request: Request) -> set[str]:
    """Return the entity tags that a caller has, compared weakly."""
    known = request.headers.get("if-none-match", "")
    return {tag.strip().removeprefix("W/") for tag in known.split(",")} - {""}


def answer_if_new(request: Request, response: Response, etag: str) -> None:
    """Tag an answer to a GET; raises `NotModified` where the caller has it (weak comparison)."""
    if tags_known(request) & {"*", etag.removeprefix("W/")}:
        raise NotModified(etag)
    response.headers["ETag"] = etag
