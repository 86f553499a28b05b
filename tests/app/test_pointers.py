"""Pointers of faults lead into the body that was sent."""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from hypothesis import find, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from app.fields import Body
from app.problems import DISCRIMINATORS, faults_of
from app.routes.batch import BatchIn
from app.schemas.posts import PostIn
from planner.errors import Fault
from tests.described import api

ID = "0198c0de-5e2d-7c3a-9a41-2f0c6f1f7a10"
NAMES = ["platform", "cover_ms", "options", "tiktok", "parts", "media", "id", "op", "when", ID, "x"]
JUNK = st.recursive(
    st.sampled_from([None, True, 1, "", "tiktok", "feed", "move", "swap", ID]),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=4)
    ),
    max_leaves=12,
)
POST = {"title": "Naskah", "type": "informative", "parts": [{"text": "x"}]}
OPTIONS = st.fixed_dictionaries(
    {"platform": st.sampled_from(["tiktok", "feed", "myspace", 3])},
    optional=dict.fromkeys(("cover_ms", "allow_duet", "tiktok"), JUNK),
)
VARIANTS = st.dictionaries(
    st.sampled_from([ID, "x"]),
    JUNK | st.fixed_dictionaries({}, optional={"options": OPTIONS | JUNK, "parts": JUNK}),
    max_size=2,
)
OPERATION = st.fixed_dictionaries(
    {"op": st.sampled_from(["add", "move", "swap", "exempt", "dance"])},
    optional=dict.fromkeys(("id", "when", "first", "move", "exempt", "version"), JUNK),
)
BODIES: Mapping[type[Body], st.SearchStrategy[Any]] = {
    PostIn: st.fixed_dictionaries(
        {"title": JUNK, "type": st.just("informative"), "parts": JUNK, "variants": VARIANTS}
    ),
    BatchIn: st.fixed_dictionaries({"operations": st.lists(OPERATION | JUNK, max_size=3) | JUNK}),
}


def refused(model: type[Body], body: Any, known: Any) -> list[Fault]:
    """Return the faults of a body, of which as much is known as is said."""
    try:
        model.model_validate(body)
    except ValidationError as error:
        found = [each | {"loc": ("body", *each["loc"])} for each in error.errors()]
        return faults_of(found, known)
    return []


def astray(fault: Fault, body: Any) -> bool:
    """Say whether a pointer leads out of a body, other than to what is missing there."""
    *steps, last = fault.pointer.split("/")[1:]
    for step in steps:
        if isinstance(body, list):
            body = body[int(step)]
        elif isinstance(body, dict) and step in body:
            body = body[step]
        else:
            return True
    if fault.code in {"missing", "union-tag-not-found"}:
        return not isinstance(body, dict) or last in body
    return not (last.isdigit() if isinstance(body, list) else last in body)


@pytest.mark.parametrize("model", BODIES, ids=lambda each: each.__name__)
@given(data=st.data())
def test_a_pointer_leads_to_what_is_wrong_or_to_where_it_is_missing(
    model: type[Body], data: st.DataObject
) -> None:
    body = data.draw(BODIES[model])

    faults = refused(model, body, body)

    assert [each for each in faults if astray(each, body)] == []


@pytest.mark.parametrize("model", BODIES, ids=lambda each: each.__name__)
def test_a_pointer_that_leads_out_of_the_body_is_seen(model: type[Body]) -> None:
    """Without the body, what pydantic took it for stands between the steps."""
    steady = settings(max_examples=2_000, derandomize=True, database=None)

    body = find(
        BODIES[model],
        lambda each: any(astray(fault, each) for fault in refused(model, each, None)),
        settings=steady,
    )

    assert refused(model, body, None) != refused(model, body, body)


def test_the_tag_that_is_wrong_is_named_by_its_field() -> None:
    variants = {ID: {"options": {"platform": "myspace"}}}

    (fault,) = refused(PostIn, POST | {"variants": variants}, POST | {"variants": variants})

    assert (fault.pointer, fault.code, fault.facts["tag"]) == (
        f"/variants/{ID}/options/platform",
        "union-tag-invalid",
        "myspace",
    )


def told_apart_by(schema: Any) -> Iterator[str]:
    """Tell the fields by which a description tells objects apart."""
    if isinstance(schema, list):
        for each in schema:
            yield from told_apart_by(each)
    elif isinstance(schema, dict):
        if "propertyName" in schema.get("discriminator", ()):
            yield schema["discriminator"]["propertyName"]
        for each in schema.values():
            yield from told_apart_by(each)


def test_every_field_that_tells_objects_apart_is_known() -> None:
    assert set(told_apart_by(api()["components"]["schemas"])) == set(DISCRIMINATORS)


@pytest.mark.timeout(5)
def test_each_of_many_mistakes_is_told_at_once_with_its_place() -> None:
    operations = [{"op": "dance", "x": 1}] * 500
    body = {"operations": operations, **{f"x{number}": "x" for number in range(20_000)}}

    faults = refused(BatchIn, body, body)

    assert len(faults) == 20_500
    assert [each for each in faults if astray(each, body)] == []
