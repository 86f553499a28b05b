"""Hostile paths and bodies: each is refused as it should be, and nothing is written."""

import json
from collections.abc import Mapping

import pytest

from app.deps import House
from app.middleware import JSON_LIMIT
from store.db import Store
from tests.app.conftest import Office
from tests.app.wire import JSON, Headers, Wire, open_wire, written
from tests.files import tiny_png


@pytest.fixture
async def wire(house: House, office: Office) -> Wire:
    return await open_wire(house, office)


BASES = (
    "/feeds/biro/",
    "/feeds/biro/berita/",
    "/feeds/biro/berita/media/",
    "/media/",
    "/media/01a20c80-e019-75d6-a9ac-a01c8d35d13b/01a20c80-e019-75d6-a9ac-a01c8d35d13b/1/",
    "/problems/",
    "/static/",
    "/assets/",
    "/",
)
STEPS = (
    "../../../etc/passwd",
    "../../data/keys",
    "..%2f..%2f..%2fetc%2fpasswd",
    "%2e%2e/%2e%2e/%2e%2e/etc/passwd",
    "%2e%2e%2f%2e%2e%2fdata%2fkeys",
    "..%252f..%252f..%252fetc%252fpasswd",
    "%252e%252e%252fdata%252fpilar.db",
    "..%5c..%5cwindows%5cwin.ini",
    "..%255c..%255cwindows",
    "....//....//etc/passwd",
    "..;/..;/etc/passwd",
    "%c0%ae%c0%ae%c0%af%c0%ae%c0%ae%c0%afetc",
    "%uff0e%uff0e/etc",
    "%00",
    "berita.atom%00.json",
    "..%00/etc/passwd",
    "%ff%fe",
    "%ed%a0%80",
    "file:%2f%2f%2fetc%2fpasswd",
    "//etc/passwd",
    "~root/.ssh/id_rsa",
    ".env",
    ".git/config",
    "x" * 5000,
)


@pytest.mark.untraced
async def test_no_path_leads_out_of_the_house(wire: Wire, store: Store) -> None:
    before = await written(store)

    answers = {
        (method, base + step): await wire(method, base + step)
        for base in BASES
        for step in STEPS
        for method in ("GET", "HEAD")
    }

    odd = {where: each.status for where, each in answers.items() if each.status != 404}
    assert odd == {}
    assert {each.kind for (method, _), each in answers.items() if method == "GET"} <= {
        "no-such-path",
        "no-such-feed",
        "no-such-entry",
        "no-such-link",
        "no-such-problem",
        "no-such-file",
    }
    assert await written(store) == before


async def test_no_path_leads_into_another_operation(wire: Wire, store: Store) -> None:
    before = await written(store)
    targets = {
        "/api/v1/workspaces/biro/../biro": "no-such-path",
        "/api/v1/workspaces/biro/posts/": "no-such-path",
        "/api/v1//workspaces/biro": "no-such-path",
        "/API/V1/workspaces/biro": "no-such-path",
        "/api/v1/workspaces/biro%00": "invalid-request",
        "/api/v1/workspaces/BIRO": "invalid-request",
        "/api/v1/workspaces/biro%20": "invalid-request",
        "/api/v1/workspaces/biro%0a": "invalid-request",
        "/api/v1/workspaces/bir%ef%bd%8f": "invalid-request",
        "/api/v1/workspaces/%27%20OR%201=1--": "invalid-request",
        "/api/v1/workspaces/biro/posts/1%20OR%201=1": "invalid-request",
        "/api/v1/workspaces/biro/posts/00000000-0000-0000-0000-000000000000": "no-such-post",
        "/api/v1/workspaces/biro/days/2026-02-30": "invalid-request",
        "/api/v1/workspaces/biro/posts?limit=1e9": "invalid-request",
        "/api/v1/workspaces/biro/posts?limit=%d9%a3%00": "invalid-request",
        "/api/v1/workspaces/biro/posts?limit=99999999999999999999999": "invalid-request",
        "/api/v1/workspaces/biro/posts?after=%ff.%ff": "wrong-cursor",
        "/api/v1/workspaces/biro/posts?after=" + "x" * 501: "invalid-request",
        "/api/v1/workspaces/biro/posts?%00=1": "unknown-parameter",
        "/api/v1/workspaces/biro/posts?__proto__=1": "unknown-parameter",
        "/api/v1/workspaces/biro/calendar.ics?token=%00": "no-such-calendar",
        "/api/v1/workspaces/biro/calendar.ics?token=%ed%a0%80": "no-such-calendar",
    }

    answers = {target: (await wire.as_owner("GET", target)).kind for target in targets}

    assert answers == targets
    assert await written(store) == before


PILLARS = "/api/v1/workspaces/biro/pillars"
MEDIA = "/api/v1/workspaces/biro/media"
BODY = b'{"name": "Sejarah"}'
FORM = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\n\r\nx\r\n--b--\r\n'


BODIES: tuple[tuple[str, str | bytes | None, bytes, tuple[int, str]], ...] = (
    (PILLARS, None, BODY, (415, "wrong-media-type")),
    (PILLARS, "", BODY, (415, "wrong-media-type")),
    (PILLARS, "text/plain", BODY, (415, "wrong-media-type")),
    (PILLARS, "text/json", BODY, (415, "wrong-media-type")),
    (PILLARS, "application/xml", b"<!DOCTYPE x>", (415, "wrong-media-type")),
    (PILLARS, "application/x-www-form-urlencoded", b"name=x", (415, "wrong-media-type")),
    (PILLARS, "multipart/form-data; boundary=b", FORM, (415, "wrong-media-type")),
    (PILLARS, "application/json, text/plain", BODY, (415, "wrong-media-type")),
    (PILLARS, "application/jsonp", BODY, (415, "wrong-media-type")),
    (PILLARS, b"application/\xffjson", BODY, (415, "wrong-media-type")),
    (PILLARS, "application/json", FORM, (422, "invalid-request")),
    (PILLARS, "application/json; charset=latin-1", b'{"name": "\xe9"}', (400, "bad-request")),
    (MEDIA, "application/json", BODY, (415, "wrong-media-type")),
    (MEDIA, "image/png", tiny_png(), (415, "wrong-media-type")),
    (MEDIA, "multipart/mixed; boundary=b", FORM, (415, "wrong-media-type")),
    (MEDIA, "multipart/form-data", FORM, (422, "wrong-form")),
    (MEDIA, "multipart/form-data; boundary=", FORM, (422, "wrong-form")),
    (MEDIA, "multipart/form-data; boundary=other", FORM, (422, "wrong-form")),
    (MEDIA, b"multipart/form-data; boundary=\xff", FORM, (422, "wrong-form")),
    (MEDIA, "multipart/form-data; boundary=" + "b" * 5000, FORM, (422, "wrong-form")),
    (MEDIA, "multipart/form-data; boundary=b", FORM, (422, "not-media")),
)


async def test_a_body_of_the_wrong_kind_is_refused(wire: Wire, store: Store) -> None:
    before = await written(store)

    for target, kind, body, expected in BODIES:
        told: Headers = {} if kind is None else {"Content-Type": kind}
        answer = await wire.as_owner("POST", target, told, body)
        assert (kind, answer.status, answer.kind) == (kind, *expected)

    assert await written(store) == before


def pillar(name: bytes) -> bytes:
    return b'{"name": ' + name + b"}"


DEEP = 100_000
BAD_JSON: Mapping[str, tuple[bytes, int]] = {
    "nothing": (b"", 422),
    "a space": (b" ", 422),
    "a brace": (b"{", 422),
    "two objects": (b"{}{}", 422),
    "a comma too many": (b'{"name": "x",}', 422),
    "a comment": (b'{"name": "x" /* y */}', 422),
    "single quotes": (b"{'name': 'x'}", 422),
    "a list": (b'[{"name": "x"}]', 422),
    "a text": (b'"name"', 422),
    "null": (b"null", 422),
    "brackets beyond all depth": (b"[" * DEEP + b"]" * DEEP, 400),
    "objects beyond all depth": (b'{"a":' * DEEP + b"1" + b"}" * DEEP, 400),
    "brackets in a field": (pillar(b"[" * DEEP + b"]" * DEEP), 400),
    "brackets that stay open": (b"[" * DEEP, 400),
    "a number of 5000 digits": (pillar(b"9" * 5000), 400),
    "a number beyond floats": (pillar(b"1e999999"), 422),
    "not a number": (pillar(b"NaN"), 422),
    "a share that is no number": (b'{"name": "x", "share": NaN}', 422),
    "a share without end": (b'{"name": "x", "share": -Infinity}', 422),
    "a share of 1e400": (b'{"name": "x", "share": 1e400}', 422),
    "a share with 400 places": (b'{"name": "x", "share": 0.' + b"1" * 400 + b"}", 422),
    "a share as a huge text": (b'{"name": "x", "share": "' + b"9" * 9000 + b'"}', 422),
    "true for a text": (pillar(b"true"), 422),
    "bytes that are no UTF-8": (pillar(b'"\xff\xfe"'), 400),
    "a cut character": (pillar(b'"\xc3"'), 400),
    "an overlong character": (pillar(b'"\xc0\x80"'), 400),
    "half a surrogate in bytes": (pillar(b'"\xed\xa0\x80"'), 422),
    "half a surrogate": (pillar(b'"\\ud800"'), 422),
    "surrogates the wrong way round": (pillar(b'"\\udc00\\ud800"'), 422),
    "NUL": (pillar(b'"\\u0000"'), 422),
    "a raw NUL": (pillar(b'"\x00"'), 422),
    "an escape sequence": (pillar(b'"\\u001b[31m"'), 422),
    "a name that is half a surrogate": (b'{"name": "x", "\\ud800": 1}', 422),
    "a name that is NUL": (b'{"name": "x", "\\u0000": 1}', 422),
    "a field that is unknown": (b'{"name": "x", "id": "1"}', 422),
    "a field of the database": (b'{"name": "x", "workspace_id": "1", "version": 9}', 422),
    "a prototype": (b'{"name": "x", "__proto__": {"admin": true}}', 422),
    "ten thousand fields": (
        json.dumps({f"f{number}": 1 for number in range(10_000)}).encode(),
        422,
    ),
    "one byte too many": (pillar(b'"' + b"x" * (JSON_LIMIT - 10) + b'"'), 413),
}


async def test_malformed_json_is_refused(wire: Wire, store: Store) -> None:
    before = await written(store)

    answers = {
        name: await wire.as_owner("POST", PILLARS, JSON, body)
        for name, (body, _) in BAD_JSON.items()
    }

    statuses = {name: each.status for name, each in answers.items()}
    assert statuses == {name: status for name, (_, status) in BAD_JSON.items()}
    assert {name for name, each in answers.items() if not each.kind} == set()
    assert await written(store) == before


async def test_of_a_name_that_is_there_twice_the_last_is_read(wire: Wire, store: Store) -> None:
    """RFC 8259, section 4, leaves it open; what matters is that nothing else reads the first."""
    before = await written(store)

    answer = await wire.as_owner("POST", PILLARS, JSON, b'{"name": "satu", "name": "dua"}')

    after = await written(store)
    assert (answer.status, json.loads(answer.body)["name"]) == (201, "dua")
    changed = {name for name, count in after.items() if count != before[name]}
    assert changed == {"pillar", "change", "audit_entry", "heads"}  # what is written is seen


REFUSED = {(422, True), (404, True)}
HALF, NUL = b'"\\ud800"', b'"\\u0000"'
OTHER_BODIES = (
    ("POST", "/channels", b'{"platform":"feed","handle":"a","name":"A","settings":{%s:1}}'),
    ("POST", "/channels", b'{"platform":"webhook","handle":"a","name":"A","settings":{"url":%s}}'),
    ("POST", "/channels", b'{"platform":%s,"handle":"a","name":"A"}'),
    ("PUT", "/channels/{channel}/credentials", b'{%s: "x"}'),
    ("PUT", "/channels/{channel}/credentials", b'{"secret": %s}'),
    ("POST", "/posts", b'{"title":"x","type":"informative","parts":[{"text":%s}]}'),
    ("POST", "/posts", b'{"title":"x","type":"informative","parts":[{}],"variants":{%s:{}}}'),
    ("POST", "/posts", b'{"title":"x","type":"informative","parts":[{}],"external_id":%s}'),
    ("POST", "/campaigns", b'{"name":%s,"starts_on":"2026-12-01","ends_on":"2026-12-01"}'),
    ("POST", "/invitations", b'{"email":%s,"role":"viewer"}'),
    ("POST", "/api-keys", b'{"name":"x","scopes":["read"],"workspaces":[%s]}'),
    ("PUT", "/mix", b'{"types":[{"key":"a","name":%s,"share":100}]}'),
    ("PUT", "/days/2026-12-24", b'{"kind":"note","title":%s}'),
    ("PATCH", "", b'{"timezone":%s}'),
)


async def test_what_no_text_may_hold_is_refused_in_every_kind_of_body(
    wire: Wire, office: Office, store: Store
) -> None:
    channels = await office.owner.ok("GET", office.path("/channels"))
    before = await written(store)

    answers = {}
    for method, path, body in OTHER_BODIES:
        target = "/api/v1" + office.path(path.format(channel=channels["items"][0]["id"]))
        for evil in (HALF, NUL):
            told = {**JSON, "If-Match": "*"}
            answer = await wire.as_owner(method, target, told, body % evil)
            answers[method, path, body, evil] = (answer.status, bool(answer.kind))

    assert {name: each for name, each in answers.items() if each not in REFUSED} == {}
    assert await written(store) == before
