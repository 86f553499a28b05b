"""The API's description (OpenAPI 3.1): what the routes say, and what holds for all of them."""

from collections.abc import Iterator, Mapping
from typing import Any

from fastapi import FastAPI

from app.auth import cookie_name
from app.openapi_examples import DOCUMENTS, TEXTS, example_of
from app.openapi_links import add_links
from app.openapi_parts import (
    HEADERS,
    IDEMPOTENCY_KEY,
    IF_MATCH,
    IF_NONE_MATCH,
    INFO,
    NOT_REPEATABLE,
    SERVERS,
    TAGGED,
    TAGGED_CHANGES,
    TAGS,
    header_refs,
    problem_ref,
    problem_responses,
    security_of,
    security_schemes,
    statuses_of,
)

JSON = "application/json"
UNSAID = "Successful Response"
"""What FastAPI writes where a route says nothing."""


def install(app: FastAPI) -> None:
    """Let an application describe itself in full."""
    plain = app.openapi

    def describe() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = improved(plain(), cookie_name(app.state.house.base_url))
        return app.openapi_schema

    app.openapi = describe  # type: ignore[method-assign]  # FastAPI's own way to extend it


def improved(document: dict[str, Any], cookie: str) -> dict[str, Any]:
    """Return FastAPI's description with what it does not know; `cookie` names the session's."""
    components = document["components"]
    schemas = components["schemas"]
    document["info"] |= INFO
    document["servers"] = SERVERS
    components["securitySchemes"] = security_schemes(cookie)
    components["headers"] = dict(HEADERS)
    components["responses"] = problem_responses()
    for path, method, operation in operations(document):
        _improve(path, method, operation, schemas)
    add_links(document["paths"], schemas)
    used = {tag for _, _, operation in operations(document) for tag in operation["tags"]}
    document["tags"] = [
        {"name": name, "description": text} for name, text in TAGS.items() if name in used
    ]
    return document


def operations(document: Mapping[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Tell every operation of a description with its path and its method."""
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield path, method, operation


def _improve(path: str, method: str, operation: dict[str, Any], schemas: Any) -> None:
    name = operation["operationId"]
    first, _, _ = operation.get("description", "").partition("\n\n")
    operation["summary"] = " ".join(first.split()).removesuffix(".")
    operation["security"] = security = security_of(name, path, operation["tags"])
    for status in ("4XX", "5XX"):
        operation["responses"].pop(status, None)
    tagged = _is_tagged(name, method, operation, schemas)
    operation["parameters"] = _parameters(name, method, operation, tagged=tagged)
    if not operation["parameters"]:
        del operation["parameters"]
    if tagged and method == "get":
        operation["responses"].setdefault("304", {"description": "The caller has it."})
    for status, answer in operation["responses"].items():
        answer["headers"] = _headers(operation, status, answer, tagged=tagged)
        if answer["description"] == UNSAID:
            answer["description"] = _what(answer, schemas)
        if status.startswith("2"):
            _exemplify(answer, schemas, request=False)
    if body := operation.get("requestBody"):
        _exemplify(body, schemas, request=True)
    problems = sorted(set(statuses_of(name, method, operation, security)))
    operation["responses"] = dict(sorted(operation["responses"].items())) | {
        str(status): problem_ref(status) for status in problems
    }


def _is_tagged(name: str, method: str, operation: Mapping[str, Any], schemas: Any) -> bool:
    """Say whether an operation's answer has an `ETag`."""
    if method == "get" and ("304" in operation["responses"] or name in TAGGED):
        return True
    if method != "get" and name in TAGGED_CHANGES:
        return True
    answers = [each for status, each in operation["responses"].items() if status[0] == "2"]
    if not answers:  # it leads elsewhere
        return False
    schema = answers[0].get("content", {}).get(JSON, {}).get("schema", {})
    component = schemas.get(schema.get("$ref", "").rpartition("/")[2], {})
    return "version" in component.get("properties", ())


def _parameters(
    name: str, method: str, operation: Mapping[str, Any], *, tagged: bool
) -> list[dict[str, Any]]:
    given = [each for each in operation.get("parameters", ()) if each["name"] != "if-match"]
    if len(given) < len(operation.get("parameters", ())):
        given.append(dict(IF_MATCH))
    if tagged and method == "get":
        given.append(dict(IF_NONE_MATCH))
    if method == "post" and operation["security"] and name not in NOT_REPEATABLE:
        given.append(dict(IDEMPOTENCY_KEY))
    return given


def _headers(
    operation: Mapping[str, Any], status: str, answer: Mapping[str, Any], *, tagged: bool
) -> dict[str, Any]:
    names = []
    if tagged and status in {"200", "201", "204", "206", "304"}:
        names.append("ETag")
    if status == "201":
        names.append("Location")
    if status == "200" and "201" in operation["responses"]:
        names.append("Content-Location")
    if "after" in {each["name"] for each in operation.get("parameters", ())}:
        names.append("Link")
    if operation["security"]:
        names += ["RateLimit", "RateLimit-Policy"]
    return {**header_refs(*names), **answer.get("headers", {})}


def _what(answer: Mapping[str, Any], schemas: Any) -> str:
    """Return what is answered, in the first words of its schema."""
    schema = answer.get("content", {}).get(JSON, {}).get("schema", {})
    component = schemas.get(schema.get("$ref", "").rpartition("/")[2], {})
    return str(component.get("description", "Done.")).partition("\n\n")[0].replace("\n", " ")


def _is_file(kind: str, content: Mapping[str, Any]) -> bool:
    binary = content.get("schema", {}).get("format") == "binary"
    return binary or kind.startswith(("image/", "video/", "application/vnd."))


def _exemplify(holder: Mapping[str, Any], schemas: Any, *, request: bool) -> None:
    """Give an example to every form that a body may have, except to files."""
    for kind, content in holder.get("content", {}).items():
        if kind == JSON:
            content.setdefault("example", example_of(content["schema"], schemas, request=request))
        elif kind.endswith("+json"):  # a document whose form is another's standard
            content["schema"] = {"type": "object"}
            content["example"] = DOCUMENTS[kind]
        elif kind in TEXTS or kind.startswith("text/"):
            content.pop("itemSchema", None)  # a word of OpenAPI 3.2
            content.setdefault("schema", {"type": "string"})
            content.setdefault("example", TEXTS.get(kind, "…"))
        elif content.get("schema", {}).get("type") == "string" and not _is_file(kind, content):
            content.setdefault("example", "…")
        elif request:
            content.setdefault("example", {"file": "…", "name": "naskah.jpg", "alt": "Naskah"})
