"""Many changes of the calendar as one."""

from typing import Any

from tests.app.conftest import Office
from tests.app.writing import add_channel, place, write_post


async def _rows(office: Office) -> dict[str, tuple[str, str]]:
    page = await office.viewer.ok("GET", office.path("/publications"))
    return {row["id"]: (row["local"], row["type"]) for row in page["items"]}


async def _two(office: Office) -> tuple[Any, Any, Any]:
    channel = await add_channel(office)
    first, second = [
        (await place(office, await write_post(office), channel, when={"local": local}))[0]
        for local in ("2026-03-03T09:00", "2026-03-04T10:00")
    ]
    return channel, first, second


async def test_a_batch_adds_moves_swaps_retypes_and_removes(office: Office) -> None:
    channel, first, second = await _two(office)
    third = (
        await place(office, await write_post(office), channel, when={"local": "2026-03-05T11:00"})
    )[0]
    new = await write_post(office)

    operations = [
        {"op": "swap", "first": _seen(first), "second": _seen(second)},
        {"op": "move", **_seen(first), "when": {"local": "2026-03-06T12:00"}},
        {"op": "retype", "post": second["post"], "version": 1, "type": "interactive"},
        {"op": "remove", **_seen(third)},
        {
            "op": "add",
            "post": new["id"],
            "channel": channel["id"],
            "when": {"local": "2026-03-07T13:00"},
        },
    ]
    answer = await office.editor.ok(
        "POST", office.path("/publications/batch"), {"operations": operations}
    )

    rows = await _rows(office)
    added = answer["publications"][-1]["id"]
    assert rows == {
        first["id"]: ("2026-03-06T12:00:00", "informative"),
        second["id"]: ("2026-03-03T09:00:00", "interactive"),
        added: ("2026-03-07T13:00:00", "informative"),
    }


async def test_the_first_wrong_operation_undoes_them_all(office: Office) -> None:
    _, first, second = await _two(office)
    before = await _rows(office)

    operations = [
        {"op": "move", **_seen(first), "when": {"local": "2026-03-06T12:00"}},
        {"op": "move", **_seen(second), "when": {"local": "2026-03-01T12:00"}},
    ]
    refused = await office.editor(
        "POST", office.path("/publications/batch"), {"operations": operations}
    )

    problem = refused.json()
    assert (refused.status_code, problem["operation"]) == (422, 1)
    assert problem["errors"][0]["pointer"] == "/operations/1/when/local"
    assert await _rows(office) == before


async def test_each_operation_names_the_version_it_changes(office: Office) -> None:
    _, first, _ = await _two(office)

    operations = [{"op": "remove", "id": first["id"], "version": first["version"] + 1}]
    refused = await office.editor(
        "POST", office.path("/publications/batch"), {"operations": operations}
    )

    assert (refused.status_code, refused.json()["operation"]) == (412, 0)


async def test_a_batch_is_bounded(office: Office) -> None:
    operation = {"op": "remove", "id": "01a20c80-e019-75d6-a9ac-a01c8d35d13b", "version": 1}

    refused = await office.editor(
        "POST", office.path("/publications/batch"), {"operations": [operation] * 501}
    )

    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/operations")


def _seen(row: Any) -> dict[str, Any]:
    return {"id": row["id"], "version": row["version"]}
