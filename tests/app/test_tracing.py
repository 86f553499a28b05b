"""A trace that comes with a request goes into the log and back to the caller."""

import httpx
import pytest
import structlog

from app.deps import House

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = f"00-{TRACE}-00f067aa0ba902b7-01"


async def test_a_trace_is_logged_and_echoed(http: httpx.AsyncClient, house: House) -> None:
    with structlog.testing.capture_logs([structlog.contextvars.merge_contextvars]) as logged:
        answer = await http.get("/healthz", headers={"traceparent": PARENT})

    assert answer.headers["traceparent"] == PARENT
    assert [each.get("trace_id") for each in logged if each["event"] == "answered"] == [TRACE]


@pytest.mark.parametrize(
    "given",
    [
        "",
        "x",
        PARENT.upper(),
        PARENT.replace(TRACE, "0" * 32),
        PARENT.replace("00f067aa0ba902b7", "0" * 16),
        "ff" + PARENT[2:],
        PARENT + "-extra",
        PARENT[:-1],
    ],
)
async def test_what_is_no_trace_is_ignored(
    http: httpx.AsyncClient, house: House, given: str
) -> None:
    with structlog.testing.capture_logs([structlog.contextvars.merge_contextvars]) as logged:
        answer = await http.get("/healthz", headers={"traceparent": given})

    assert answer.status_code == 200
    assert "traceparent" not in answer.headers
    assert "trace_id" not in logged[-1]
