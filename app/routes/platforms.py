"""Platforms over HTTP: what each of them allows."""

from typing import Any, Self

from fastapi import APIRouter, Request, Response

from app.conditions import answer_if_new
from app.deps import ReadingCaller
from app.fields import Answer
from planner.content import fingerprint
from planner.errors import NotFound
from planner.platforms import (
    PLATFORMS,
    FieldSpec,
    Idempotency,
    LeftOut,
    MediaLimits,
    Piece,
    Platform,
    Unit,
)

router = APIRouter(prefix="/platforms", tags=["platforms"])


class UnknownPlatform(NotFound):
    """Pilar publishes on no platform of this name."""


class TextLimitOut(Answer):
    """How long the text of a part may be, hashtags included; null means without limit.

    `under_media` is the limit of a part with files; null means the same as of one without.
    """

    unit: Unit
    limit: int | None
    bytes_max: int | None
    total_bytes_max: int | None
    under_media: int | None


class MediaLimitsOut(Answer):
    """Which files a part may carry; null means without limit. Sides are in pixels."""

    count_min: int
    count_max: int
    total_max: int | None
    mixed: bool
    mimes: list[str] | None
    image_bytes_max: int | None
    video_bytes_max: int | None
    side_min: int | None
    side_max: int | None
    pixels_max: int | None
    ratio_min: float | None
    ratio_max: float | None
    duration_ms_min: int | None
    duration_ms_max: int | None
    alt_max: int | None

    @classmethod
    def of(cls, limits: MediaLimits) -> Self:
        """Return limits as they are answered, file types in order."""
        known = {name: getattr(limits, name) for name in cls.model_fields}
        mimes = None if limits.mimes is None else sorted(limits.mimes)
        return cls(**(known | {"mimes": mimes}))


class ConditionOut(Answer):
    """A setting of a channel, and the value that it has."""

    setting: str
    value: str | bool | int

    @classmethod
    def of(cls, only_if: tuple[str, Any] | None) -> Self | None:
        """Return a condition as it is answered; null asks for nothing."""
        return None if only_if is None else cls(setting=only_if[0], value=only_if[1])


class FieldOut(Answer):
    """A value that a platform asks for; a granted one comes by connecting, not by hand.

    With `only_if` it counts, and is `required`, only on channels that are set so.
    """

    name: str
    kind: str
    required: bool
    max_length: int | None
    unit: Unit
    choices: list[str]
    default: str | bool | int | None
    granted: bool
    only_if: ConditionOut | None

    @classmethod
    def of(cls, spec: FieldSpec) -> Self:
        """Return a field as it is answered."""
        known = {name: getattr(spec, name) for name in cls.model_fields}
        known |= {"choices": list(spec.choices), "only_if": ConditionOut.of(spec.only_if)}
        return cls(**known)


class OmissionOut(Answer):
    """What of a post in these formats does not reach a channel that is set so (null: any)."""

    what: Piece
    only_if: ConditionOut | None
    formats: list[str]

    @classmethod
    def of(cls, left_out: LeftOut, platform: Platform) -> Self:
        """Return what is left out as it is answered, formats in order."""
        formats = sorted(platform.formats & (left_out.formats or platform.formats))
        return cls(what=left_out.what, only_if=ConditionOut.of(left_out.only_if), formats=formats)


class PlatformOut(Answer):
    """What one platform allows.

    `text_of` and `media_of` hold what differs by format. `settings` and `credentials` (secret)
    belong to a channel, `options` to a post on it; `left_out` is what of a post a channel may not
    carry. `idempotent_if` names the setting by which a channel promises that a repeated send has no
    second effect. Where it `connects`, a person authorizes Pilar at the platform itself.
    """

    name: str
    title: str
    idempotency: Idempotency
    idempotent_if: str | None
    connects: bool
    formats: list[str]
    parts_max: int
    text: TextLimitOut
    media: MediaLimitsOut
    text_of: dict[str, TextLimitOut]
    media_of: dict[str, MediaLimitsOut]
    settings: list[FieldOut]
    credentials: list[FieldOut]
    options: list[FieldOut]
    left_out: list[OmissionOut]

    @classmethod
    def of(cls, platform: Platform) -> Self:
        """Return a platform as it is answered."""
        return cls(
            name=platform.name,
            title=platform.title,
            idempotency=platform.idempotency,
            idempotent_if=platform.idempotent_if,
            connects=platform.connects,
            formats=sorted(platform.formats),
            parts_max=platform.parts_max,
            text=TextLimitOut.model_validate(platform.text),
            media=MediaLimitsOut.of(platform.media),
            text_of={
                name: TextLimitOut.model_validate(each) for name, each in platform.text_of.items()
            },
            media_of={name: MediaLimitsOut.of(each) for name, each in platform.media_of.items()},
            settings=[FieldOut.of(each) for each in platform.settings],
            credentials=[FieldOut.of(each) for each in platform.credentials],
            options=[FieldOut.of(each) for each in platform.options],
            left_out=[OmissionOut.of(each, platform) for each in platform.left_out],
        )


class Platforms(Answer):
    """Every platform, by name."""

    items: list[PlatformOut]


@router.get("")
async def list_platforms(request: Request, response: Response, _caller: ReadingCaller) -> Platforms:
    """List what every platform allows."""
    answer = Platforms(items=[PlatformOut.of(PLATFORMS[name]) for name in sorted(PLATFORMS)])
    answer_if_new(request, response, _etag(answer))
    return answer


@router.get("/{name}")
async def read_platform(
    name: str, request: Request, response: Response, _caller: ReadingCaller
) -> PlatformOut:
    """Read what a platform allows."""
    if name not in PLATFORMS:
        raise UnknownPlatform(name=name, known=", ".join(sorted(PLATFORMS)))
    answer = PlatformOut.of(PLATFORMS[name])
    answer_if_new(request, response, _etag(answer))
    return answer


def _etag(answer: Answer) -> str:
    return f'"{fingerprint(answer.model_dump(mode="json"))[:16]}"'
