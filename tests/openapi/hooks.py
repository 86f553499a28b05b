"""What schemathesis cannot know: which things there are, and what the domain allows.

Only what was meant to be right is mended; what was spoiled on purpose stays spoiled. Ids that this
run has been told by an answer stay as they are, so that links lead where they should.
"""

import itertools
import json
import os
import re
from pathlib import Path
from typing import Any
from unicodedata import category

import httpx
import schemathesis
from schemathesis.core.failures import AcceptedNegativeData
from schemathesis.core.parameters import ParameterLocation
from schemathesis.transport.serialization import Binary

from tests.files import tiny_png

WORLD: dict[str, Any] = json.loads(Path(os.environ["PILAR_WORLD"]).read_text())
SEEN = Path(os.environ["PILAR_SEEN"])

TOLD: set[str] = {WORLD["ws"]}
"""Ids and slugs that answers have shown."""

NUMBERS = itertools.count(1)

DAYS = {"from": "2026-03-01", "to": "2026-04-01"}
QUERIES = {
    "export_publications": DAYS,
    "list_days": DAYS,
    "read_all_compliance": DAYS,
    "read_calendar": DAYS,
    "read_compliance": DAYS,
    "read_calendar_feed": {"token": WORLD["calendar_token"]},
}

PICTURE = tiny_png(9, 4)

ALONE = {"check_channel", "end_session", "set_credentials"}
"""Operations that only one thing here is for; another session may be the one of this run."""

KNOWN = re.compile(r'"(?:id|slug)":"([^"]+)"')
REAL_TAG = re.compile(r'"\d+[^"]*"')


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: dict[str, Any]) -> None:
    """Mend what was generated and could not be right."""
    if case.meta is None:
        return
    name = case.operation.definition.raw["operationId"]
    if name == "end_session":
        WORLD["alone"][name]["session_id"] = _another_session(case.operation.base_url)
    if name == "begin_session":
        case.cookies.pop("pilar", None)  # or it would end the session of this very run
    mends = {
        ParameterLocation.PATH: _mend_path,
        ParameterLocation.HEADER: _mend_headers,
        ParameterLocation.QUERY: _mend_query,
        ParameterLocation.BODY: _mend_body,
    }
    for location, mend in mends.items():
        if not case.meta.is_negative_at(location):
            mend(name, case)


@schemathesis.hook
def filter_failure(context: Any, failure: Any, case: Any, response: Any) -> bool:
    """Leave out what is none: a real picture is no JSON string to who checks the schema."""
    name = case.operation.definition.raw["operationId"]
    sent = case.body.get("file") if isinstance(case.body, dict) else None
    return not (
        name == "add_media"
        and isinstance(failure, AcceptedNegativeData)
        and getattr(sent, "data", sent) == PICTURE
    )


@schemathesis.hook
def after_call(context: Any, case: Any, response: Any) -> None:
    """Remember what there is, and write down which operation answered what."""
    if 200 <= response.status_code < 300:
        TOLD.update(KNOWN.findall(response.content.decode("utf-8", "replace")))
    phase = case.meta.phase.name.value if case.meta else "other"
    line = {"operation": case.operation.label, "status": response.status_code, "phase": phase}
    with SEEN.open("a") as seen:
        seen.write(json.dumps(line) + "\n")


def _another_session(url: str) -> str:
    """Return a session that was just begun: a change of password ends all the others."""
    login = {"email": WORLD["owner"], "password": WORLD["password"]}
    answer = httpx.post(f"{url.rstrip('/')}/api/v1/sessions", json=login)
    session: str = answer.json()["id"]
    return session


def _plain(value: Any) -> Any:
    """Return a value without the controls and surrogates that no text may hold."""
    if isinstance(value, str):
        return "".join(each for each in value if category(each) not in {"Cc", "Cs"}) or "x"
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    return [_plain(each) for each in value] if isinstance(value, list) else value


def _mend_path(name: str, case: Any) -> None:
    places = WORLD["places"] | {"ws": WORLD["ws"]} | WORLD["alone"].get(name, {})
    for parameter, given in (case.path_parameters or {}).items():
        if parameter in places and (name in ALONE or str(given) not in TOLD):
            case.path_parameters[parameter] = places[parameter]


def _mend_headers(name: str, case: Any) -> None:
    tag = case.headers.get("If-Match")
    if tag is not None and not REAL_TAG.fullmatch(tag):
        case.headers["If-Match"] = "*"
    case.headers.pop("If-None-Match", None)
    if "Idempotency-Key" in case.headers:
        case.headers["Idempotency-Key"] = f"key-{next(NUMBERS)}"


def _mend_query(name: str, case: Any) -> None:
    case.query.pop("after", None)  # only answers know cursors
    if name in QUERIES:
        case.query = dict(QUERIES[name])


def _mend_body(name: str, case: Any) -> None:
    if not isinstance(case.body, dict):
        return
    case.body = body = _plain(case.body)
    if name in REPLACED:
        body.clear()
    if name in NAMED and "name" in body:
        body["name"] = f"{body['name'][:40].strip()} {next(NUMBERS)}"
    for field, value in _mends(name).items():
        if field in body or name in WHOLE:
            body[field] = value
    for part in body.get("parts") or ():
        part["media"] = []


def _when() -> dict[str, str]:
    """Return a time that nothing has yet."""
    hours, minutes = divmod(next(NUMBERS), 60)
    return {"local": f"2026-05-{1 + hours // 24:02}T{hours % 24:02}:{minutes:02}"}


POST: dict[str, Any] = {
    "type": "informative",
    "pillar": None,
    "campaign": None,
    "owner": None,
    "assignees": [],
    "variants": {},
}
IMPORTED = {"type": "informative", "text": "Isi."}
PLACE = {"timezone": "Asia/Jakarta", "country": "ID"}
CAMPAIGN = {"starts_on": "2026-04-01", "ends_on": "2026-04-08", "hashtags": ["#Naskah"]}

WHOLE = {
    "accept_invitation",
    "add_alert_target",
    "add_hold",
    "add_import",
    "add_publications",
    "begin_session",
    "change_password",
    "change_publications",
    "check_mix",
    "move_publication",
    "set_channel_mix",
    "set_credentials",
    "set_mix",
}
"""Operations whose bodies are mended also where they left something out."""


REPLACED = {"add_import", "set_channel_mix", "set_credentials", "set_mix"}
"""Operations of which nothing that was generated holds together."""

NAMED = {"add_campaign", "add_pillar", "change_campaign", "change_pillar"}
"""Operations that take a name which nothing else has."""


def _mends(name: str) -> dict[str, Any]:
    """Return what the fields of an operation's body must say to be possible here."""
    places, password = WORLD["places"], WORLD["password"]
    handle = f"h{next(NUMBERS)}"
    again = {"allow_duplicate": "Sengaja."}
    seat = {"post": places["post_id"], "channel": places["channel_id"]}
    target = {"address": "https://receiver.example/alerts", "secret": WORLD["secret"]}
    mends: dict[str, Any] = {
        "add_alert_target": {"medium": "webhook", **target},
        "add_hold": {
            "scope": "channel",
            "channel": places["channel_id"],
            "campaign": None,
            "type": None,
        },
        "change_alert_target": target,
        "accept_invitation": {"token": WORLD["invitation"], "name": "B", "password": password},
        "add_campaign": CAMPAIGN,
        "add_channel": {"platform": "feed", "timezone": None, "settings": {}, "handle": handle},
        "add_import": {"format": "json", "rows": [IMPORTED | {"title": handle}]},
        "add_invitation": {"role": "editor"},
        "add_key": {"workspaces": None, "expires_at": None},
        "add_media": {"file": Binary(PICTURE)},
        "add_post": POST,
        "add_workspace": PLACE,
        "begin_session": {"email": WORLD["owner"], "password": password},
        "change_campaign": CAMPAIGN,
        "change_channel": {"timezone": None, "settings": {}, "handle": handle},
        "change_member": {"role": "editor"},
        "change_password": {"current": password, "new": password},
        "change_post": POST,
        "change_workspace": PLACE,
        "move_publication": {"when": _when(), **again},
        "add_pillar": {"share": None},
        "change_pillar": {"share": None},
        "set_day": {"slots": "none", "extra_times": []},
        "set_channel_mix": {"source": "inherit"},
        "set_credentials": {"secret": WORLD["secret"]},
        "set_mix": {"types": WORLD["types"], "mode": "off"},
    }
    if name == "add_publications":
        return {
            "post": seat["post"],
            "channels": [seat["channel"]],
            "when": _when(),
            "recorded": None,
            "publish_until": None,
            **again,
        }
    if name in {"change_publications", "check_mix"}:
        return {
            "operations": [
                {"op": "add", **seat, "post": WORLD["unplaced"], "when": _when(), **again}
            ]
        }
    found: dict[str, Any] = mends.get(name, {})
    return found
