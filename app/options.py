"""Options: what a post may ask of a platform, typed for each platform by what it offers."""

from collections.abc import Mapping
from functools import partial
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    GetPydanticSchema,
    StrictBool,
    StrictInt,
    TypeAdapter,
    create_model,
)
from pydantic_core import CoreSchema, PydanticKnownError, core_schema

from app.fields import Body, Text
from planner.content import OPTIONS_TAG
from planner.fit import count_text
from planner.platforms import PLATFORMS, FieldSpec, Platform, Unit

_TYPES: Mapping[str, Any] = {
    "boolean": StrictBool,
    "integer": StrictInt,
    "string": Text,
    "url": Text,
}


def options_model(platform: Platform) -> type[Body]:
    """Return the request model of a platform's options: its name, and what was chosen.

    Nothing else has to be there, for a draft need not be finished; whether something is missing
    is judged where the post is put on a channel.
    """
    name = "".join(word.capitalize() for word in platform.name.split("_"))
    fields: dict[str, Any] = {
        OPTIONS_TAG: (Literal[platform.name], Field(description="Whose options these are.")),
        **{spec.name: (_type_of(spec), _about(spec)) for spec in platform.options},
    }
    return create_model(
        f"{name}Options",
        __base__=Body,
        __doc__=f"What a post may ask of {platform.title}.",
        __module__=__name__,
        **fields,
    )


def _type_of(spec: FieldSpec) -> Any:
    if spec.kind == "choice":
        return Literal[spec.choices]
    if spec.unit is Unit.CODE_POINTS or spec.max_length is None:
        return _TYPES[spec.kind]
    return Annotated[
        _TYPES[spec.kind], AfterValidator(partial(_counted, spec.unit, spec.max_length))
    ]


def _counted(unit: Unit, most: int, text: str) -> str:
    """Refuse a text that is too long in the platform's own unit, of which a schema has no word."""
    if count_text(unit, text) > most:
        raise PydanticKnownError("string_too_long", {"max_length": most})
    return text


def _about(spec: FieldSpec) -> Any:
    said: dict[str, Any] = {"max_length": spec.max_length}
    if spec.only_if is not None:
        setting, value = spec.only_if
        said["description"] = f"Counts only on channels whose `{setting}` is `{value}`" + (
            ", where it has to be chosen." if spec.required else "."
        )
    # A factory, so that the schema names no default: what is left out has none.
    return Field(default_factory=lambda: None, **said)


MODELS: Mapping[str, type[Body]] = {
    name: options_model(platform) for name, platform in PLATFORMS.items()
}
"""The options of every platform, by its name."""


def _union(_source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
    choices = {name: handler.generate_schema(model) for name, model in MODELS.items()}
    return core_schema.tagged_union_schema(choices, discriminator=OPTIONS_TAG)


Options = Annotated[Any, GetPydanticSchema(_union)]
"""The options of one platform, a `Body`; `platform` says of which."""


def _shown(_kept: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
    return {
        "anyOf": [
            handler(TypeAdapter(Options).core_schema),
            {
                "type": "object",
                "additionalProperties": {"type": ["string", "boolean", "integer"]},
                "description": "Written before options named their platform.",
            },
            {"type": "null"},
        ]
    }


OptionsOut = Annotated[
    dict[str, str | bool | int] | None,
    BeforeValidator(lambda kept: kept or None),
    GetPydanticSchema(get_pydantic_json_schema=_shown),
]
"""Options as they are kept; null where nothing was chosen."""
