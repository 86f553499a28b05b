"""Options over HTTP: one form for each platform, told apart by its name."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
from hypothesis import find, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from app.deps import House
from app.options import MODELS, options_model
from planner.fit import check_fields
from planner.platforms import FEED, PLATFORMS, FieldSpec, Platform, Unit
from store import posts, workspaces, writing
from store.audit import CLI
from tests.app.conftest import Office
from tests.app.uploading import upload
from tests.app.writing import add_channel, place, write_post
from tests.conftest import Clock
from tests.described import api
from tests.files import tiny_mp4

TIKTOK = {"client_key": "aw"}
ALL_KINDS = replace(
    FEED,
    name="all_kinds",
    title="All Kinds",
    options=(
        FieldSpec("loud", "boolean", default=False),
        FieldSpec("count", "integer"),
        FieldSpec("who", "choice", choices=("all", "some"), required=True),
        FieldSpec("words", "string", max_length=3),
        FieldSpec("units", "string", max_length=3, unit=Unit.UTF16),
    ),
)


async def video_of(office: Office, **variants: Any) -> Any:
    """Write a post of one video."""
    media = await upload(office, tiny_mp4(720, 1280, 4), "video.mp4")
    parts = [{"text": "Naskah kuno.", "media": [{"id": media["id"]}]}]
    return await write_post(office, parts=parts, format="reel", variants=variants)


async def add_tiktok(office: Office, **settings: Any) -> Any:
    return await add_channel(office, "warisan", "tiktok", settings=TIKTOK | settings)


def test_the_description_tells_the_platforms_apart() -> None:
    schemas = api()["components"]["schemas"]
    asked = schemas["Variant"]["properties"]["options"]["anyOf"][0]
    answered = schemas["VariantOut"]["properties"]["options"]["anyOf"][0]

    assert asked == answered
    assert asked["discriminator"] == {
        "propertyName": "platform",
        "mapping": {
            name: f"#/components/schemas/{name.title()}Options" for name in sorted(PLATFORMS)
        },
    }
    assert {each["$ref"] for each in asked["oneOf"]} == set(
        asked["discriminator"]["mapping"].values()
    )


@pytest.mark.parametrize("name", sorted(PLATFORMS))
def test_every_option_of_a_platform_is_in_its_form_and_none_has_to_be_there(name: str) -> None:
    form = api()["components"]["schemas"][f"{name.title()}Options"]

    wanted = {"platform", *(spec.name for spec in PLATFORMS[name].options)}
    assert form["properties"].keys() == wanted
    assert (form["required"], form["additionalProperties"]) == (["platform"], False)
    assert form["properties"]["platform"]["const"] == name


def test_a_form_says_what_each_option_takes_and_where_it_counts() -> None:
    fields = api()["components"]["schemas"]["TiktokOptions"]["properties"]

    only = "Counts only on channels whose `mode` is `direct`"
    privacy = next(spec for spec in PLATFORMS["tiktok"].options if spec.name == "privacy_level")
    assert fields["privacy_level"] == {
        "type": "string",
        "enum": list(privacy.choices),
        "title": "Privacy Level",
        "description": f"{only}, where it has to be chosen.",
    }
    assert fields["cover_ms"] == {
        "type": "integer",
        "title": "Cover Ms",
        "description": f"{only}.",
    }


async def test_a_post_keeps_what_was_chosen_and_whose_options_they_are(office: Office) -> None:
    channel = await add_tiktok(office)
    chosen = {"platform": "tiktok", "allow_comment": False, "ai_generated": True}
    post = await video_of(office, **{channel["id"]: {"options": chosen}})

    path = office.path(f"/posts/{post['id']}")
    await office.editor.ok("PATCH", path, {"title": "Naskah"}, match=1)

    read = await office.viewer.ok("GET", path)
    versions = (await office.viewer.ok("GET", f"{path}/versions"))["items"]
    assert read["variants"] == {channel["id"]: {"parts": None, "options": chosen}}
    assert [each["content"]["variants"] for each in versions] == [read["variants"]] * 2


async def test_variants_can_be_sent_back_as_they_were_answered(office: Office) -> None:
    first, second = await add_tiktok(office), await add_channel(office)
    post = await video_of(
        office,
        **{
            first["id"]: {"options": {"platform": "tiktok", "cover_ms": 0}},
            second["id"]: {"parts": [{"text": "Khusus."}]},
        },
    )

    variants = {
        channel: each | {"parts": each["parts"] and [{"text": "Khusus."}]}
        for channel, each in post["variants"].items()
    }
    path = office.path(f"/posts/{post['id']}")
    again = await office.editor.ok("PATCH", path, {"variants": variants}, match=1)

    assert [each["options"] for each in post["variants"].values()] == [
        {"platform": "tiktok", "cover_ms": 0},
        None,
    ]
    assert again["variants"] == post["variants"]
    assert again["content_version"] == 1


KNOWN = "'feed', 'webhook', 'manual', 'tiktok', 'telegram', 'bluesky'"
LEVELS = "'PUBLIC_TO_EVERYONE', 'MUTUAL_FOLLOW_FRIENDS', 'FOLLOWER_OF_CREATOR', 'SELF_ONLY'"
REFUSED: Mapping[str, tuple[Any, str, str, str, str]] = {
    "nothing": (
        {},
        "/platform",
        "union-tag-not-found",
        "'platform' is missing, which says what is meant.",
        "'platform' belum diisi, padahal itulah yang menentukan maksudnya.",
    ),
    "unnamed": (
        {"allow_duet": True},
        "/platform",
        "union-tag-not-found",
        "'platform' is missing, which says what is meant.",
        "'platform' belum diisi, padahal itulah yang menentukan maksudnya.",
    ),
    "unknown": (
        {"platform": "myspace"},
        "/platform",
        "union-tag-invalid",
        f"“myspace” is not known here; known are: {KNOWN}.",
        f"“myspace” tidak dikenal di sini; yang dikenal: {KNOWN}.",
    ),
    "another's": (
        {"platform": "feed", "allow_duet": True},
        "/allow_duet",
        "extra-forbidden",
        "This operation does not take such a field.",
        "Operasi ini tidak menerima isian tersebut.",
    ),
    "kind": (
        {"platform": "tiktok", "allow_duet": "yes"},
        "/allow_duet",
        "bool-type",
        "This must be true or false.",
        "Ini harus true atau false.",
    ),
    "null": (
        {"platform": "tiktok", "cover_ms": None},
        "/cover_ms",
        "int-type",
        "This must be a whole number.",
        "Ini harus berupa bilangan bulat.",
    ),
    "choice": (
        {"platform": "tiktok", "privacy_level": "ME"},
        "/privacy_level",
        "literal-error",
        f"This is one of: {LEVELS}.",
        f"Pilih salah satu: {LEVELS}.",
    ),
    "list": ([], "", "model-attributes-type", "This must be an object.", "Ini harus berupa objek."),
}


@pytest.mark.parametrize("case", REFUSED)
async def test_what_is_wrong_in_options_is_told_where_it_stands(office: Office, case: str) -> None:
    options, place, code, english, indonesian = REFUSED[case]
    channel = await add_channel(office)
    body = {
        "title": "Naskah",
        "type": "informative",
        "parts": [{"text": "x"}],
        "variants": {channel["id"]: {"options": options}},
    }

    answers = [
        await office.editor(
            "POST", office.path("/posts"), body, headers={"Accept-Language": language}
        )
        for language in ("en", "id")
    ]

    pointer = f"/variants/{channel['id']}/options{place}"
    assert [each.status_code for each in answers] == [422, 422]
    assert [each.json()["errors"] for each in answers] == [
        [{"pointer": pointer, "code": code, "message": english}],
        [{"pointer": pointer, "code": code, "message": indonesian}],
    ]


async def test_a_wrong_operation_of_a_batch_is_told_where_it_stands_too(office: Office) -> None:
    body = {"operations": [{"op": "dance"}, {}, {"op": "remove", "id": "x", "version": 1}]}

    refused = await office.editor("POST", office.path("/publications/batch"), body)

    assert [(each["pointer"], each["code"]) for each in refused.json()["errors"]] == [
        ("/operations/0/op", "union-tag-invalid"),
        ("/operations/1/op", "union-tag-not-found"),
        ("/operations/2/id", "uuid-parsing"),
    ]


async def test_options_are_held_to_the_channel_when_the_post_is_put_on_it(office: Office) -> None:
    channel = await add_tiktok(office, mode="direct")
    drafts = [
        await video_of(office, **{channel["id"]: {"options": options}})
        for options in ({"platform": "feed"}, {"platform": "tiktok", "allow_duet": True})
    ]

    refused = [
        await office.editor(
            "POST",
            office.path("/publications"),
            {
                "post": post["id"],
                "channels": [channel["id"]],
                "when": {"local": "2026-03-03T09:00"},
            },
        )
        for post in drafts
    ]

    start = f"/variants/{channel['id']}/options"
    assert [[(e["pointer"], e["code"]) for e in each.json()["errors"]] for each in refused] == [
        [(f"{start}/platform", "options-of-another-platform")],
        [(f"{start}/privacy_level", "option-not-chosen")],
    ]
    assert refused[0].json()["errors"][0]["message"] == (
        "The options are those of the platform “feed”, but this channel is on “tiktok”."
    )


async def test_old_options_without_their_platform_are_answered_and_go_on(
    office: Office, house: House, clock: Clock
) -> None:
    channel = await add_tiktok(office, mode="direct")
    post = await video_of(office)
    old = {"privacy_level": "SELF_ONLY", "allow_comment": True}
    async with house.store.transaction() as db:
        workspace = await workspaces.lock(db, "biro")
        row = await posts.of(db, workspace.id, UUID(post["id"]))
        words = {"variants": {channel["id"]: {"options": old}}}
        await writing.change(db, workspace, CLI, row, words, {}, clock())

    read = await office.viewer.ok("GET", office.path(f"/posts/{post['id']}"))
    (row,) = await place(office, post, channel, when={"local": "2026-03-03T09:00"})

    assert read["variants"] == {channel["id"]: {"parts": None, "options": old}}
    assert row["status"] == "planned"


@pytest.mark.parametrize(
    ("mode", "left"),
    [
        ("inbox", {"post": ["text", "options"], "reel": ["text", "options"]}),
        ("direct", {}),
        (None, {"post": ["text", "options"], "reel": ["text", "options"]}),
    ],
)
async def test_a_channel_says_what_it_does_not_carry(
    office: Office, mode: str | None, left: dict[str, list[str]]
) -> None:
    channel = await add_tiktok(office, **({"mode": mode} if mode else {}))

    found = channel["left_out"]

    assert {name: found[name] for name in found if name != "carousel"} == left


async def test_another_mode_carries_something_else(office: Office) -> None:
    channel = await add_tiktok(office)
    path = office.path(f"/channels/{channel['id']}")

    changed = await office.manager.ok(
        "PATCH", path, {"settings": TIKTOK | {"mode": "direct"}}, match=channel["version"]
    )

    assert (bool(channel["left_out"]), changed["left_out"]) == (True, {})


async def test_a_platform_says_where_an_option_counts_and_what_a_mode_leaves_out(
    office: Office,
) -> None:
    tiktok = await office.viewer.ok("GET", "/platforms/tiktok")

    direct, inbox = ({"setting": "mode", "value": each} for each in ("direct", "inbox"))
    assert {(each["name"], each["required"]) for each in tiktok["options"] if each["required"]} == {
        ("privacy_level", True)
    }
    assert [each["name"] for each in tiktok["options"] if each["only_if"] != direct] == [
        "photo_title"
    ]
    assert [each["only_if"] for each in tiktok["settings"]] == [None] * 3
    assert tiktok["left_out"] == [
        {"what": "text", "only_if": inbox, "formats": ["post", "reel"]},
        {"what": "options", "only_if": inbox, "formats": tiktok["formats"]},
    ]


WORDS = ["all", "some", "none", "1", "true", "", "😀😀", 0, 1, 1.0, True, False, [], [True], None]
VALUES: st.SearchStrategy[Any] = st.one_of(
    st.sampled_from(WORDS),
    st.integers(),
    st.text(st.characters(exclude_categories=["Cc", "Cs"]), max_size=5),
)
NAMES = ["loud", "count", "who", "words", "units", "more"]
CHOSEN = st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=3)


def takes(form: type[BaseModel], platform: Platform, chosen: Mapping[str, Any]) -> bool:
    try:
        made = form.model_validate({"platform": platform.name, **chosen})
    except ValidationError:
        return False
    return made.model_dump(exclude_unset=True) == {"platform": platform.name, **chosen}


def fits(platform: Platform, chosen: Mapping[str, Any]) -> bool:
    specs = [replace(spec, required=False) for spec in platform.options]
    return check_fields(specs, chosen, "/options") == []


@given(chosen=CHOSEN)
def test_a_form_takes_exactly_what_its_platform_takes(chosen: dict[str, Any]) -> None:
    assert takes(options_model(ALL_KINDS), ALL_KINDS, chosen) == fits(ALL_KINDS, chosen)


@pytest.mark.parametrize("spec", ALL_KINDS.options, ids=lambda spec: spec.name)
def test_a_form_that_forgot_a_rule_would_be_seen(spec: FieldSpec) -> None:
    looser = {
        "loud": replace(spec, kind="integer"),
        "count": replace(spec, kind="boolean"),
        "who": replace(spec, choices=(*spec.choices, "none")),
        "words": replace(spec, max_length=None),
        "units": replace(spec, unit=Unit.CODE_POINTS),
    }[spec.name]
    options = tuple(looser if each == spec else each for each in ALL_KINDS.options)
    form = options_model(replace(ALL_KINDS, options=options))

    found = find(
        CHOSEN,
        lambda each: takes(form, ALL_KINDS, each) != fits(ALL_KINDS, each),
        settings=settings(max_examples=5_000, derandomize=True, database=None),
    )

    assert spec.name in found


def test_every_platform_has_a_form() -> None:
    assert {name: form.__name__ for name, form in MODELS.items()} == {
        name: f"{name.title()}Options" for name in PLATFORMS
    }
    assert options_model(ALL_KINDS).__name__ == "AllKindsOptions"
