"""Admission."""

import json
from tests.app.mixing import *
from tests.app.writing import *
from tests.app.conftest import Office

INF, INT, EDU = "informative", "interactive", "edutainment"
TWICE = ((0, "09:00"), (2, "09:00"))
FIVE = tuple((f"2026-03-{day:02}T09:00", INF) for day in (2, 4, 9, 11, 16))


async def test_x(office: Office) -> None:
    channel = await with_slots(office, *TWICE)
    rows = await stand(office, channel, *FIVE, ("2026-03-25T09:00", INT))
    await write_post(office, title="Draf", type=INT)
    post = await write_post(office, title="Naskah")
    r = await ask(office.approver, office, post, channel, when=on(18))
    print(r.status_code, json.dumps(r.json(), indent=1))
    r = await office.editor(
        "POST",
        office.path("/publications"),
        {"post": post["id"], "channels": [channel["id"]], "when": on(18)},
        headers={"Accept-Language": "id"},
    )
    print(r.json()["detail"], r.json()["title"], [f["kind"] for f in r.json()["fixes"]])
    print((await office.editor.ok("GET", office.path(f"/posts/{post['id']}")))["version"])
    r = await office.approver(
        "PATCH", office.path(f"/publications/{rows[0]['id']}"), {"when": on(18, "10:00")}, match=1
    )
    print(r.status_code, r.text[:1500])
    r = await batch(
        office.approver,
        office,
        {"op": "move", **seen(rows[0]), "when": on(17)},
        {"op": "move", **seen(rows[0]), "when": on(18)},
        {"op": "move", **seen(rows[1]), "when": on(17)},
    )
    print(r.status_code, r.text[:1500])
