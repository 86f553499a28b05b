"""Problem types over HTTP: where the `type` of every problem leads."""

import re
from collections.abc import Mapping
from html import escape
from typing import Any

from fastapi import APIRouter, Request, Response

from app import problems
from app.fields import Answer
from app.problems import NoSuchPath, key_of
from app.serving import document_answer
from app.speech import LANGUAGE, messages
from planner.errors import Invalid, PilarError

router = APIRouter(prefix="/problems", tags=["public"], responses=problems.DOCUMENTED)

HTML = "text/html"
JSON = "application/json"
TITLES = {"en": "Problems", "id": "Masalah"}
FAULTS = {"en": "What may be wrong in a request", "id": "Yang bisa salah dalam permintaan"}

DOCUMENTS: dict[int | str, dict[str, Any]] = {
    200: {"content": {HTML: {"schema": {"type": "string"}}}},
    304: {"description": "The caller has it."},
}


class FaultText(Answer):
    """One thing that may be wrong in a request; blanks of the message stand in braces."""

    code: str
    message: str


class ProblemText(Answer):
    """A type of problem; blanks of the detail stand in braces."""

    type: str
    status: int
    title: str
    detail: str
    faults: list[FaultText]


class ProblemTexts(Answer):
    """Every type of problem."""

    items: list[ProblemText]


@router.head("", include_in_schema=False)
@router.get("", response_model=ProblemTexts, responses=DOCUMENTS)
async def list_problems(request: Request) -> Response:
    """List every type of problem, without the faults of each."""
    language = LANGUAGE.get()
    items = [_text(key, kind, language, faults=False) for key, kind in sorted(_kinds().items())]
    if not _likes_html(request):
        return _answer(request, ProblemTexts(items=items).model_dump_json(), JSON)
    rows = "\n".join(
        f'<li><a href="{escape(each.type)}">{escape(each.title)}</a> ({each.status})</li>'
        for each in items
    )
    title = TITLES[language]
    return _answer(request, _page(language, title, f"<h1>{title}</h1>\n<ul>\n{rows}\n</ul>"), HTML)


@router.head("/{key}", include_in_schema=False)
@router.get("/{key}", response_model=ProblemText, responses=DOCUMENTS)
async def read_problem(key: str, request: Request) -> Response:
    """Read what a type of problem means, and what may be wrong in a request of that type."""
    kind = _kinds().get(key)
    if kind is None:
        raise NoSuchPath(path=request.url.path)
    language = LANGUAGE.get()
    text = _text(key, kind, language, faults=True)
    if not _likes_html(request):
        return _answer(request, text.model_dump_json(), JSON)
    rows = "\n".join(
        f"<dt><code>{escape(fault.code)}</code></dt>\n<dd>{escape(fault.message)}</dd>"
        for fault in text.faults
    )
    listed = f"<h2>{FAULTS[language]}</h2>\n<dl>\n{rows}\n</dl>" if rows else ""
    body = (
        f"<h1>{escape(text.title)}</h1>\n<p>{text.status} · <code>{escape(text.type)}</code></p>\n"
        f"<p>{escape(text.detail)}</p>\n{listed}"
    )
    return _answer(request, _page(language, escape(text.title), body), HTML)


def _kinds() -> Mapping[str, type[PilarError]]:
    """Return the errors that have sentences, by their keys."""
    known = messages("en")
    return {key_of(kind): kind for kind in _below(PilarError) if key_of(kind) in known}


def _below(kind: type[PilarError]) -> set[type[PilarError]]:
    direct = set(kind.__subclasses__())
    return direct.union(*(_below(each) for each in direct))


def _text(key: str, kind: type[PilarError], language: str, *, faults: bool) -> ProblemText:
    texts = messages(language)
    listed = faults and issubclass(kind, Invalid)
    return ProblemText(
        type=f"/problems/{key}",
        status=problems.status_of_kind(kind),
        title=texts[key]["title"],
        detail=texts[key]["detail"],
        faults=[
            FaultText(code=code, message=message)
            for code, message in sorted(texts["faults"].items() if listed else ())
        ],
    )


def _likes_html(request: Request) -> bool:
    """Say whether a caller would rather have a page than JSON (RFC 9110, section 12.5.1)."""
    accepted = {}
    for item in request.headers.get("accept", "").split(","):
        kind, *options = (part.strip().lower() for part in item.split(";"))
        given = next((each for each in options if each.startswith("q=")), "q=1")
        good = re.fullmatch(r"q=([01](?:\.\d{0,3})?)", given)
        accepted[kind] = float(good[1]) if good else 0.0

    def quality(kind: str) -> float:
        whole = f"{kind.partition('/')[0]}/*"
        return next((accepted[each] for each in (kind, whole, "*/*") if each in accepted), 0.0)

    return quality(HTML) > quality(JSON)


def _page(language: str, title: str, body: str) -> str:
    return (
        f'<!doctype html>\n<html lang="{language}">\n<meta charset="utf-8">\n'
        f'<meta name="viewport" content="width=device-width">\n<title>{title} · Pilar</title>\n'
        f"{body}\n</html>\n"
    )


def _answer(request: Request, content: str, kind: str) -> Response:
    headers = {
        "Cache-Control": "public, max-age=3600",
        "Content-Language": LANGUAGE.get(),
        "Vary": "Accept, Accept-Language",
    }
    media_type = f"{kind}; charset=utf-8" if kind == HTML else kind
    return document_answer(request, content.encode(), media_type, headers)
