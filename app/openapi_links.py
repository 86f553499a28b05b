"""Links of the API's description: from what was made to reading, changing and deleting it."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

Operations = Mapping[str, Mapping[str, Any]]
"""What may be done at a path, by method."""

METHODS = ("get", "post", "put", "patch", "delete")

# Where the id of what was made stands in the answer, where that is not its `id`.
MADE: Mapping[str, str] = {"add_workspace": "slug", "add_publications": "publications/0/id"}

VARIABLE = re.compile(r"\{([^}]+)\}")


def add_links(paths: Mapping[str, Any], schemas: Mapping[str, Any]) -> None:
    """Link every answer that names a thing to the operations on that thing."""
    for path, operations in paths.items():
        for method, operation in operations.items():
            for status in ("200", "201"):
                answer = operation["responses"].get(status)
                links = dict(_links(paths, schemas, path, method, status)) if answer else {}
                if links:
                    answer["links"] = links


def _links(
    paths: Mapping[str, Any], schemas: Mapping[str, Any], path: str, method: str, status: str
) -> Iterator[tuple[str, Any]]:
    operation = paths[path][method]
    answer = operation["responses"][status]
    fields = _fields(answer, schemas)
    tagged = "ETag" in answer.get("headers", {})
    known = {f"path.{name}": f"$request.path.{name}" for name in VARIABLE.findall(path)}
    children = [each for each in paths if re.fullmatch(re.escape(path) + r"/\{[^}]+\}", each)]
    if method == "post" and children:  # it was made here, and lives below
        where = MADE.get(operation["operationId"], "id")
        if where.partition("/")[0] in fields:
            yield from _to_item(paths, children[0], known, f"$response.body#/{where}", tagged)
    elif method == "get" and children and "items" in fields:
        place = _place(answer, schemas, VARIABLE.findall(children[0])[-1])
        first = f"$response.body#/items/0/{place}"
        for name, link in _to_item(paths, children[0], known, first, tagged=False):
            if place and name.startswith("read_"):
                yield name, link
    elif method in {"get", "patch", "put"} and "path" in {name[:4] for name in known}:
        yield from _at(paths, path, known, tagged=tagged, but=method)
        if method == "get" and path.endswith("}"):
            yield from _below(paths, path, known, tagged=tagged)


def _to_item(
    paths: Mapping[str, Any], item: str, known: Mapping[str, str], where: str, tagged: bool
) -> Iterator[tuple[str, Any]]:
    variable = VARIABLE.findall(item)[-1]
    parameters = {**known, f"path.{variable}": where}
    yield from _at(paths, item, parameters, tagged=tagged, but="")
    yield from _below(paths, item, parameters, tagged=tagged)


def _below(
    paths: Mapping[str, Any], item: str, known: Mapping[str, str], *, tagged: bool
) -> Iterator[tuple[str, Any]]:
    for path in paths:
        if re.fullmatch(re.escape(item) + r"/[a-z-]+", path):
            yield from _at(paths, path, known, tagged=tagged, but="")


def _at(
    paths: Mapping[str, Any], path: str, known: Mapping[str, str], *, tagged: bool, but: str
) -> Iterator[tuple[str, Any]]:
    for method in METHODS:
        operation = paths[path].get(method)
        if operation is None or method == but:
            continue
        needed = {
            f"{each['in']}.{each['name']}"
            for each in operation.get("parameters", ())
            if each["required"]
        }
        given = dict(known)
        if "header.If-Match" in needed and tagged:
            given["header.If-Match"] = "$response.header.ETag"
        if needed <= set(given):
            yield (
                operation["operationId"],
                {
                    "operationId": operation["operationId"],
                    "description": operation["summary"],
                    "parameters": {name: given[name] for name in sorted(needed)},
                },
            )


def _place(answer: Mapping[str, Any], schemas: Mapping[str, Any], variable: str) -> str | None:
    """Return which field of a list's items its paths name them by."""
    page = schemas[answer["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]]
    item = schemas[page["properties"]["items"]["items"]["$ref"].rpartition("/")[2]]
    wanted = ("slug", "id") if variable == "ws" else ("id", variable)
    return next((each for each in wanted if each in item["properties"]), None)


def _fields(answer: Mapping[str, Any], schemas: Mapping[str, Any]) -> set[str]:
    schema = answer.get("content", {}).get("application/json", {}).get("schema", {})
    component = schema.get("$ref", "").rpartition("/")[2]
    return set(schemas.get(component, schema).get("properties", ()))
