"""Strict input: a query parameter that no operation reads is a mistake, and is told."""

from fastapi import FastAPI, Request

from planner.errors import Fault, Invalid


class UnknownParameter(Invalid):
    """The query string holds a parameter that this operation does not read."""


async def check_parameters(request: Request) -> None:
    """Refuse query parameters that the operation does not document; raises `UnknownParameter`."""
    if not request.query_params:
        return
    known = _parameters(request.app)[request.scope["route"].name]
    unknown = sorted(set(request.query_params) - known)
    if unknown:
        facts = {"known": ", ".join(sorted(known)) or "none"}
        raise UnknownParameter(
            *(Fault(f"/query/{name[:60]}", "unknown-parameter", facts) for name in unknown)
        )


def _parameters(app: FastAPI) -> dict[str, set[str]]:
    """Return the query parameters of every operation, as OpenAPI says them."""
    known: dict[str, set[str]] | None = getattr(app.state, "parameters", None)
    if known is None:
        known = {
            operation["operationId"]: {
                each["name"] for each in operation.get("parameters", ()) if each["in"] == "query"
            }
            for operations in app.openapi()["paths"].values()
            for operation in operations.values()
        }
        app.state.parameters = known
    return known
