"""Field types of requests and answers: instants, bounded text, percentages."""

import re
import unicodedata
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any

from fastapi import Query
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    StringConstraints,
    WithJsonSchema,
)
from pydantic_core import PydanticCustomError

RFC3339 = re.compile(r"\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(\.\d{1,9})?([Zz]|[+-]\d{2}:\d{2})")
LOCAL = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2})?")


class Body(BaseModel):
    """A request: unknown fields are refused."""

    model_config = ConfigDict(extra="forbid")


class Answer(BaseModel):
    """What a route answers; every field is always there."""

    model_config = ConfigDict(
        from_attributes=True, json_schema_serialization_defaults_required=True
    )


def _no_controls(text: str) -> str:
    for character in text:
        if unicodedata.category(character) in {"Cc", "Cs"} and character not in "\n\t":
            raise PydanticCustomError("control_character", "control characters are refused")
    return text


def _in_range(moment: datetime) -> datetime:
    if not 1970 <= moment.year < 2100:
        raise PydanticCustomError("year_out_of_range", "a year from 1970 to 2099 is wanted")
    return moment


def _instant(value: Any) -> Any:
    if isinstance(value, datetime):
        return value
    if not isinstance(value, str) or not RFC3339.fullmatch(value):
        raise PydanticCustomError("not_rfc3339", "an instant needs a date, a time and an offset")
    try:
        moment = datetime.fromisoformat(value.upper()).astimezone(UTC)
    except (ValueError, OverflowError):
        raise PydanticCustomError("not_rfc3339", "there is no such instant") from None
    return _in_range(moment.replace(microsecond=0))


def _local(value: Any) -> Any:
    if isinstance(value, datetime):
        return value
    if not isinstance(value, str) or not LOCAL.fullmatch(value):
        raise PydanticCustomError("not_local", "a local time has a date and a time and no offset")
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        raise PydanticCustomError("not_local", "there is no such date or time") from None
    return _in_range(moment)


def instant_text(moment: datetime) -> str:
    """Return an instant as answers write it: UTC, whole seconds (`2026-12-01T02:00:00Z`)."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


Moment = Annotated[
    datetime,
    BeforeValidator(_instant),
    PlainSerializer(instant_text, return_type=str),
    WithJsonSchema({"type": "string", "format": "date-time", "examples": ["2026-12-01T02:00:00Z"]}),
]
"""An instant: RFC 3339 with an offset in, UTC with whole seconds out."""

LocalTime = Annotated[
    datetime,
    BeforeValidator(_local),
    PlainSerializer(lambda moment: moment.isoformat(timespec="minutes"), return_type=str),
    WithJsonSchema(
        {
            "type": "string",
            "pattern": r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2})?$",
            "examples": ["2026-12-01T09:00"],
        }
    ),
]
"""A wall-clock time, read in the channel's zone."""

Line = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, pattern=r"^[^\n\t]*$"),
    AfterValidator(_no_controls),
]
"""One line of text, not empty; bound it with `Field(max_length=…)`."""

Text = Annotated[str, AfterValidator(_no_controls)]
"""Text of several lines, perhaps empty."""

Word = Annotated[str, Query(max_length=120), AfterValidator(_no_controls)]
"""A text in the query string."""

Percent = Annotated[
    Decimal,
    Field(ge=0, le=100, max_digits=5, decimal_places=2),
    PlainSerializer(float, return_type=float, when_used="json"),
    WithJsonSchema({"type": "number", "minimum": 0, "maximum": 100, "examples": [60]}),
]
"""A share in percent with up to two decimals."""
