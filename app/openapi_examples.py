"""Examples for the API's description: each is made from the schema that it is an example of."""

from collections.abc import Iterable, Mapping
from typing import Any

ID = "0198c0de-5e2d-7c3a-9a41-2f0c6f1f7a10"
INSTANT = "2026-12-01T02:00:00Z"
DAY = "2026-12-01"

HOLD_REASON = "Gempa di Cianjur: semua konten terjadwal ditahan dulu."
HOLD: Mapping[str, Any] = {
    "id": ID,
    "scope": "workspace",
    "channel": None,
    "campaign": None,
    "type": None,
    "reason": HOLD_REASON,
    "placed_by": f"person:{ID}",
    "on_the_wire": [],
    "released_at": None,
    "released_by": None,
    "created_at": INSTANT,
    "updated_at": INSTANT,
    "version": 1,
}

# What a schema cannot say of itself: fields that go together, and the ones to show of a change.
WHOLE: Mapping[str, Any] = {
    "AlertTargetChange": {"name": "Grup Humas", "kinds": ["failed", "needs_review"]},
    "AlertTargetIn": {
        "name": "Grup Humas",
        "medium": "webhook",
        "address": "https://receiver.example/alerts",
    },
    "ApprovalIn": {},
    "Assignee": {"member": ID, "task": "Memeriksa tanggal"},
    "BatchIn": {
        "operations": [
            {"op": "move", "id": ID, "version": 3, "when": {"slot": "next"}},
            {"op": "retype", "post": ID, "version": 2, "type": "informative"},
        ]
    },
    "CheckIn": {"operations": [{"op": "add", "post": ID, "channel": ID, "when": {"slot": "next"}}]},
    "CampaignChange": {"name": "Pekan Naskah Kuno", "ends_on": "2026-12-08"},
    "ChannelChange": {"name": "Berita kantor", "timezone": "Asia/Makassar"},
    "ChannelMixIn": {"source": "inherit"},
    "ConditionOut": {"setting": "mode", "value": "direct"},
    "ConfirmIn": {"permalink": "https://social.example/p/1", "published_at": INSTANT},
    "Credentials": {"secret": "whsec_…"},
    "DayIn": {"kind": "holiday", "title": "Cuti bersama Idulfitri", "slots": "none"},
    "HoldIn": {"scope": "workspace", "reason": HOLD_REASON},
    "HoldOut": HOLD,
    "HoldDetail": dict(HOLD) | {"held": {"due": 0, "later": 12, "through_hold": 1}},
    "MediaChange": {"alt": "Naskah lontar di atas meja baca"},
    "MixIn": {
        "types": [
            {"key": "informative", "name": "Informatif", "share": 60},
            {"key": "entertaining", "name": "Menghibur", "share": 40},
        ],
        "effective_from": DAY,
    },
    "OmissionOut": {
        "what": "text",
        "only_if": {"setting": "mode", "value": "inbox"},
        "formats": ["post", "reel"],
    },
    "PillarChange": {"name": "Sejarah dan naskah", "share": 40},
    "PostChange": {"title": "Naskah kuno kini terbaca di gawai"},
    "PublicationChange": {"when": {"at": INSTANT}},
    "PublicationIn": {"post": ID, "channels": [ID], "when": {"at": INSTANT}},
    "ResolveIn": {"outcome": "live", "permalink": "https://social.example/p/1"},
    "WhenBody": {"at": INSTANT},
    "WithdrawIn": {"done": True},
    "WorkspaceChange": {"name": "Biro Humas", "week_start": 0},
}

NAMED: Mapping[str, Any] = {
    "abilities": ["read", "write"],
    "action": "add",
    "actor": f"person:{ID}",
    "alt": "Naskah lontar di atas meja baca",
    "approved_version": 2,
    "at": INSTANT,
    "audience": "Pelajar dan guru",
    "author": "Sari",
    "category": "public",
    "code": "missing",
    "codec": None,
    "colour": "#1f6f8b",
    "connection": "connected",
    "current": "kuda laut membaca naskah",
    "day": DAY,
    "description": "Apa yang tersimpan di perpustakaan kita.",
    "detail": "It is at version 4.",
    "email": "sari@biro.example",
    "excludes": "Promosi tempat wisata",
    "hash": "5f4dcc3b5aa765d61d8327deb882cf99b5d2c3a0e1f60718293a4b5c6d7e8f90",
    "hashtags": ["#HariPahlawan"],
    "hint": "pilar_Ab…9z",
    "includes": "Naskah, prasasti, arsip foto",
    "instance": "/api/v1/workspaces/biro-humas",
    "key": "informative",
    "kind": "person",
    "link": "https://pilar.example/join#q3Zk…",
    "local": "2026-12-01T09:00",
    "locale": "id",
    "message": "This is missing.",
    "mime": "image/jpeg",
    "name": "Sari",
    "new": "kuda laut membaca naskah",
    "noun": "post",
    "password": "kuda laut membaca naskah",
    "permalink": "https://social.example/p/1",
    "platform": "feed",
    "pointer": "/name",
    "previous": "0" * 64,
    "reason": "Tanggalnya keliru.",
    "remote_id": None,
    "request_id": ID,
    "schema_revision": "around_the_calendar",
    "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "share": 60,
    "slug": "biro-humas",
    "tasks": "Memeriksa tanggal",
    "text": "Naskah berusia empat abad kini dapat dibaca siapa saja.",
    "time": "09:00",
    "timezone": "Asia/Jakarta",
    "title": "Naskah kuno kini terbaca di gawai",
    "token": "q3Zk…",
    "type": "informative",
    "user_agent": "Mozilla/5.0",
    "version": 3,
    "workspace": "biro-humas",
    "workspaces": ["biro-humas"],
}

# Of what may be null, these are; the rest is shown with a value.
ABSENT = {
    "break_glass",
    "connection_reason",
    "dismissed_at",
    "exempt",
    "held_by",
    "idempotent_if",
    "next",
    "not_before",
    "outcome",
    "publish_until",
    "reason",
    "reason_text",
    "recorded",
    "rejection",
    "retry_after_seconds",
    "revoked_at",
    "through_hold",
    "unproved_text",
    "withdrawn_at",
}

TEXTS: Mapping[str, str] = {
    "text/html": "<!doctype html>\n<title>Pilar</title>\n",
    "text/plain": "pilar_publications_late 0\n",
    "text/csv": "seq,at,actor,action,noun,row_id,data,request_id,hash\n",
    "text/calendar": "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nEND:VCALENDAR\r\n",
    "text/event-stream": 'event: change\nid: 12\ndata: {"seq": 12, "noun": "post"}\n\n',
    "application/jsonl": '{"seq": 12, "action": "add", "noun": "post"}\n',
    "application/atom+xml": '<feed xmlns="http://www.w3.org/2005/Atom"/>\n',
}
"""Of documents that are no JSON of ours; files have no example."""

DOCUMENTS: Mapping[str, Any] = {
    "application/feed+json": {
        "version": "https://jsonfeed.org/version/1.1",
        "title": "Biro Humas",
        "items": [],
    },
}
"""Of JSON whose form is a standard of others."""

Schemas = Mapping[str, Any]


def example_of(schema: Mapping[str, Any], schemas: Schemas, *, request: bool) -> Any:
    """Return an example of a schema.

    In a request it has what is required, and what the schema itself has an example of.
    """
    return _Maker(schemas, request=request).make(schema, "")


class _Maker:
    def __init__(self, schemas: Schemas, *, request: bool) -> None:
        self.schemas = schemas
        self.request = request

    def make(self, schema: Mapping[str, Any], name: str) -> Any:
        """Return an example of a schema that stands under a name."""
        if reference := schema.get("$ref"):
            component = reference.rpartition("/")[2]
            if component in WHOLE:
                return WHOLE[component]
            return self._component(component, name)
        if said := schema.get("examples") or [
            schema[word] for word in ("const",) if word in schema
        ]:
            return said[0]
        if branches := schema.get("anyOf") or schema.get("oneOf"):
            return self._one_of(branches, name)
        if name in NAMED and _fits(NAMED[name], schema):
            return NAMED[name]
        return self._of_type(schema, name)

    def _component(self, component: str, name: str) -> Any:
        """Return an example of a named schema; an answer shows what its request would have said."""
        schema = self.schemas[component]
        request = self.schemas.get(f"{component.removesuffix('Out')}In", {})
        asked = {
            each: field["examples"][0]
            for each, field in request.get("properties", {}).items()
            if "examples" in field
        }
        made = self.make(schema, name)
        return made | {each: asked[each] for each in made if each in asked} if asked else made

    def _one_of(self, branches: Iterable[Mapping[str, Any]], name: str) -> Any:
        kinds = [each for each in branches if each.get("type") != "null"]
        nullable = len(kinds) < len(list(branches))
        named = name in NAMED and NAMED[name] is None
        return None if nullable and (name in ABSENT or named) else self.make(kinds[0], name)

    def _of_type(self, schema: Mapping[str, Any], name: str) -> Any:
        if "enum" in schema:
            return schema.get("default", schema["enum"][0])
        kind = schema.get("type", "object")
        match kind[0] if isinstance(kind, list) else kind:
            case "object":
                return self._object(schema)
            case "array":
                return self._array(schema, name)
            case "boolean":
                return schema.get("default", False)
            case "integer" | "number":
                return schema.get("default", max(1, int(schema.get("minimum", 1))))
            case _:
                return _text(schema, name)

    def _object(self, schema: Mapping[str, Any]) -> dict[str, Any]:
        fields = schema.get("properties", {})
        required = set(schema.get("required", ()))
        shown = {
            name: field
            for name, field in fields.items()
            if not self.request or name in required or "examples" in field
        }
        return {name: self.make(field, name) for name, field in shown.items()}

    def _array(self, schema: Mapping[str, Any], name: str) -> list[Any]:
        singular = name.removesuffix("s")
        return [self.make(schema.get("items", {}), singular)]


def _text(schema: Mapping[str, Any], name: str) -> str:
    known = {"uuid": ID, "date-time": INSTANT, "date": DAY, "uri": "https://social.example/p/1"}
    return known.get(schema.get("format", "")) or str(schema.get("default") or name or "text")


def _fits(value: Any, schema: Mapping[str, Any]) -> bool:
    """Say whether an example by name may stand where a schema asks for something else."""
    kinds = {str: "string", int: "integer", list: "array"}
    if "enum" in schema:
        return value in schema["enum"]
    kind = schema.get("type")
    if isinstance(value, str) and schema.get("format") in {"uuid", "date", "date-time", "binary"}:
        return False
    if isinstance(value, list) and schema.get("items", {}).get("$ref"):
        return False
    return kinds.get(type(value)) == kind or (kind == "number" and isinstance(value, int))
