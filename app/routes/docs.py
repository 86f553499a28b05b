"""The API's reference as a page: made from its description, plain HTML, no script."""

import base64
import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

from fastapi import APIRouter, FastAPI, Request, Response

from app import problems
from app.openapi import operations
from app.serving import document_answer, documented

router = APIRouter(tags=["public"], responses=problems.DOCUMENTED)

STYLE = """
:root { color-scheme: light dark; }
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 60rem; margin: 0 auto; padding: 1rem; }
code, pre { font-family: ui-monospace, monospace; font-size: .9em; }
pre { overflow-x: auto; padding: .75rem; border: 1px solid; border-radius: .25rem; }
table { border-collapse: collapse; width: 100%; }
th, td { border-bottom: 1px solid; padding: .25rem .5rem; text-align: left; vertical-align: top; }
article { border-top: 2px solid; margin-top: 2rem; }
"""
_STYLE_HASH = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
POLICY = (
    f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Cache-Control": "public, max-age=300",
    "Content-Language": "en",
    "Content-Security-Policy": POLICY,
}


@router.head("/docs", include_in_schema=False)
@router.get("/docs", response_class=Response, responses=documented("text/html", "The reference."))
async def read_reference(request: Request) -> Response:
    """Read the reference of this API."""
    return document_answer(request, _page(request.app), "text/html; charset=utf-8", HEADERS)


def _page(app: FastAPI) -> bytes:
    """Return the page; it is made once for an application."""
    page: bytes | None = getattr(app.state, "reference", None)
    if page is None:
        app.state.reference = page = reference(app.openapi()).encode()
    return page


def reference(document: Mapping[str, Any]) -> str:
    """Return a description as a page."""
    info = document["info"]
    known = list(operations(document))
    sections, contents = [], []
    for tag in document["tags"]:
        here = [each for each in known if tag["name"] in each[2]["tags"]]
        contents.append(
            f'<li><a href="#tag-{tag["name"]}">{escape(tag["name"])}</a>\n<ul>\n'
            + "\n".join(
                f'<li><a href="#{operation["operationId"]}">{escape(operation["summary"])}</a></li>'
                for _, _, operation in here
            )
            + "\n</ul></li>"
        )
        sections.append(
            f'<section aria-labelledby="tag-{tag["name"]}">\n'
            f'<h2 id="tag-{tag["name"]}">{escape(tag["name"])}</h2>\n{_prose(tag["description"])}\n'
            + "\n".join(_operation(document, *each) for each in here)
            + "\n</section>"
        )
    title = f"{escape(info['title'])} API"
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width">\n'
        f"<title>{title}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n"
        f"<header>\n<h1>{title}</h1>\n<p>{escape(info['summary'])}</p>\n"
        f"{_prose(info['description'])}\n"
        '<p>For machines: <a href="/openapi.json">openapi.json</a> (OpenAPI 3.1); what may go '
        'wrong: <a href="/problems">problems</a>.</p>\n</header>\n'
        f'<nav aria-label="Contents">\n<ul>\n{chr(10).join(contents)}\n</ul>\n</nav>\n'
        f"<main>\n{chr(10).join(sections)}\n</main>\n</body>\n</html>\n"
    )


def _operation(
    document: Mapping[str, Any], path: str, method: str, operation: Mapping[str, Any]
) -> str:
    name = operation["operationId"]
    parts = [
        f'<article id="{name}" aria-labelledby="{name}-title">',
        f'<h3 id="{name}-title">{escape(operation["summary"])}</h3>',
        f"<p><code>{method.upper()} {escape(path)}</code> · <code>{name}</code></p>",
        _prose(operation["description"]),
        f"<p>{escape(_who(operation['security']))}</p>",
        *_parameters(operation.get("parameters", ())),
    ]
    if body := operation.get("requestBody"):
        parts += ["<h4>Body</h4>", *_contents(document, body["content"])]
    parts.append("<h4>Answers</h4>")
    refused = []
    for status, answer in operation["responses"].items():
        if reference_to := answer.get("$ref"):
            component = document["components"]["responses"][reference_to.rpartition("/")[2]]
            refused.append((status, component["description"]))
            continue
        headers = ", ".join(f"<code>{escape(each)}</code>" for each in answer["headers"])
        parts.append(f"<p><strong>{status}</strong> {_inline(answer['description'])}</p>")
        parts.append(f"<p>Headers: {headers}</p>")
        parts += _contents(document, answer.get("content", {}))
    rows = ((f"<code>{status}</code>", _inline(text)) for status, text in refused)
    parts += [*_table(("Problem", "When"), rows), "</article>"]
    return "\n".join(parts)


def _who(security: list[dict[str, Any]]) -> str:
    names = {name for each in security for name in each}
    if not names:
        return "Anybody may."
    if {} in security:
        return "Anybody may; who has a session is known by it."
    return "With an API key or a session." if len(names) > 1 else "With a session: for people only."


def _parameters(parameters: Any) -> Iterator[str]:
    if parameters:
        yield "<h4>Parameters</h4>"
        yield from _table(
            ("Name", "Where", "What"),
            (
                (
                    f"<code>{escape(each['name'])}</code>",
                    each["in"] + (", required" if each["required"] else ""),
                    f"<code>{escape(_type(each['schema']))}</code> "
                    + _inline(each.get("description", "")),
                )
                for each in parameters
            ),
        )


def _contents(document: Mapping[str, Any], contents: Mapping[str, Any]) -> Iterator[str]:
    for kind, content in contents.items():
        schema = content.get("schema", {})
        component = schema.get("$ref", "").rpartition("/")[2]
        yield f"<p><code>{escape(kind)}</code> {escape(component)}</p>"
        found = document["components"]["schemas"].get(component, schema)
        required = set(found.get("required", ()))
        rows = (
            (
                f"<code>{escape(name)}</code>" + (" (required)" if name in required else ""),
                f"<code>{escape(_type(field))}</code> {_inline(field.get('description', ''))}",
            )
            for name, field in found.get("properties", {}).items()
        )
        if found.get("properties"):
            yield from _table(("Field", "What"), rows)
        if "example" in content:
            shown = content["example"]
            text = (
                shown if isinstance(shown, str) else json.dumps(shown, indent=2, ensure_ascii=False)
            )
            yield f'<pre tabindex="0" aria-label="Example">{escape(text)}</pre>'


def _table(names: tuple[str, ...], rows: Any) -> Iterator[str]:
    yield "<table>\n<thead><tr>"
    yield "".join(f'<th scope="col">{name}</th>' for name in names)
    yield "</tr></thead>\n<tbody>"
    for row in rows:
        yield "<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>"
    yield "</tbody>\n</table>"


def _type(schema: Mapping[str, Any]) -> str:
    """Return a schema in a few words: `string(uuid) | null`."""
    if reference_to := schema.get("$ref"):
        return str(reference_to).rpartition("/")[2]
    if branches := schema.get("anyOf") or schema.get("oneOf"):
        return " | ".join(_type(each) for each in branches)
    if words := schema.get("enum") or [schema[each] for each in ("const",) if each in schema]:
        return " | ".join(json.dumps(each) for each in words)
    kind = schema.get("type", "any")
    if isinstance(kind, list):
        return " | ".join(kind)
    if kind == "array":
        return f"{_type(schema.get('items', {}))}[]"
    return f"{kind}({schema['format']})" if "format" in schema else str(kind)


def _prose(text: str) -> str:
    paragraphs = (" ".join(each.split()) for each in text.split("\n\n"))
    return "\n".join(f"<p>{_inline(each)}</p>" for each in paragraphs)


def _inline(text: str) -> str:
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text, quote=False))
