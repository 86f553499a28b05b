"""Settings, credentials and options, held to their specifications."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planner.errors import Fault
from planner.fit import check_fields
from planner.platforms import FieldSpec

SPECS = (
    FieldSpec("name", "string", required=True, max_length=5),
    FieldSpec("count", "integer"),
    FieldSpec("loud", "boolean"),
    FieldSpec("size", "choice", choices=("s", "m")),
    FieldSpec("url", "url", max_length=40),
)


@pytest.mark.parametrize(
    ("values", "faults"),
    [
        ({"name": "Budi"}, []),
        ({"name": "Budi", "count": 0, "loud": False, "size": "m", "url": "https://a.id/x"}, []),
        ({}, [Fault("/x/name", "field-missing", {"field": "name"})]),
        ({"name": ""}, [Fault("/x/name", "field-missing", {"field": "name"})]),
        ({"name": None}, [Fault("/x/name", "field-kind", {"field": "name", "kind": "string"})]),
        ({"name": 5}, [Fault("/x/name", "field-kind", {"field": "name", "kind": "string"})]),
        (
            {"name": "Bambang"},
            [Fault("/x/name", "field-too-long", {"field": "name", "count": 7, "limit": 5})],
        ),
        (
            {"name": "Budi", "count": True},
            [Fault("/x/count", "field-kind", {"field": "count", "kind": "integer"})],
        ),
        (
            {"name": "Budi", "count": 1.0},
            [Fault("/x/count", "field-kind", {"field": "count", "kind": "integer"})],
        ),
        (
            {"name": "Budi", "loud": "yes"},
            [Fault("/x/loud", "field-kind", {"field": "loud", "kind": "boolean"})],
        ),
        (
            {"name": "Budi", "size": "xl"},
            [Fault("/x/size", "field-choice", {"field": "size", "choices": "s, m"})],
        ),
        (
            {"name": "Budi", "size": ["s"]},
            [Fault("/x/size", "field-kind", {"field": "size", "kind": "choice"})],
        ),
        (
            {"name": "Budi", "a/b~c": 1},
            [
                Fault(
                    "/x/a~1b~0c",
                    "field-unknown",
                    {"field": "a/b~c", "known": "name, count, loud, size, url"},
                )
            ],
        ),
    ],
)
def test_fields_are_held_to_their_specifications(
    values: dict[str, Any], faults: list[Fault]
) -> None:
    found = check_fields(SPECS, values, "/x")

    assert found == faults


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("https://example.org/hook?a=1#b", None),
        ("http://127.0.0.1:8080/", None),
        ("https://[2001:db8::1]:443/x", None),
        ("HTTPS://EXAMPLE.ORG", None),
        ("ftp://example.org/", "url-scheme"),
        ("javascript:alert(1)", "url-scheme"),
        ("file:///etc/passwd", "url-scheme"),
        ("//example.org/x", "url-scheme"),
        ("example.org", "url-scheme"),
        ("", "url-scheme"),
        ("https://", "url-host"),
        ("https:///x", "url-host"),
        ("https://:443/x", "url-host"),
        ("https://example.org:0/", "url-host"),
        ("https://example.org:99999/", "url-host"),
        ("https://example.org:a/", "url-host"),
        ("https://[::1/", "url-host"),
        ("https://user:word@example.org/", "url-credentials"),
        ("https://user@example.org/", "url-credentials"),
        ("https://@example.org/", "url-credentials"),
        ("https://exa mple.org/", "url-characters"),
        ("https://example.org\\@evil.org/", "url-characters"),
        ("https://example.org/\r\nX: y", "url-characters"),
        ("\thttps://example.org/", "url-characters"),
    ],
)
def test_a_url_is_one_that_a_webhook_may_have(url: str, code: str | None) -> None:
    faults = check_fields((FieldSpec("url", "url"),), {"url": url}, "/settings")

    assert faults == ([Fault("/settings/url", code, {"field": "url"})] if code else [])


@given(
    secret=st.text(min_size=1, max_size=20).map(lambda text: f"whsec_{text}")
    | st.integers(min_value=1_000_000_000)
)
def test_no_fault_tells_a_secret(secret: str | int) -> None:
    specs = [
        FieldSpec("secret", "string", max_length=1),
        FieldSpec("place", "url", max_length=1),
        FieldSpec("which", "choice", choices=("a",)),
    ]
    values = {spec.name: secret for spec in specs}

    faults = check_fields(specs, values, "/credentials")

    assert (
        {fault.pointer for fault in faults},
        "whsec_" in repr(faults),
        str(secret) in repr(faults),
    ) == (
        {"/credentials/secret", "/credentials/place", "/credentials/which"},
        False,
        False,
    )
