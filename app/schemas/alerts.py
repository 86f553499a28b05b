"""Alerts and their targets as they are asked for and answered."""

from collections.abc import Iterable
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import Field, SecretStr

from app.alert_speech import render
from app.fields import Answer, Body, Line, Moment
from app.speech import LANGUAGE, reason_text
from planner.alerts import AlertKind, Facts, Medium
from store.tables import Alert, AlertDelivery, AlertTarget

Name = Annotated[Line, Field(max_length=80, examples=["Grup Humas"])]
Address = Annotated[
    Line,
    Field(
        max_length=2000,
        description="A web address for a webhook, else an e-mail address.",
        examples=["https://receiver.example/alerts"],
    ),
]
Secret = Annotated[
    SecretStr,
    Field(
        max_length=200,
        description="Signs what a webhook gets (Standard Webhooks); made if it is left out. "
        "Nothing answers it.",
    ),
]
Kinds = Annotated[
    list[AlertKind] | None,
    Field(min_length=1, max_length=20, description="What it hears of; null: everything."),
]


class AlertTargetIn(Body):
    """Who is to hear of alerts."""

    name: Name
    medium: Annotated[Medium, Field(examples=["webhook"])]
    address: Address
    secret: Secret | None = None
    kinds: Kinds = None
    enabled: bool = True


class AlertTargetChange(Body):
    """What to change; fields that are left out stay."""

    # Factories, so that the schema names no defaults: what is left out has none.
    name: Name = Field(default_factory=str)
    address: Address = Field(default_factory=str)
    secret: Secret = Field(default_factory=lambda: SecretStr(""))
    kinds: Kinds = Field(default_factory=lambda: None)
    enabled: bool = Field(default_factory=lambda: True)


class AlertTargetOut(Answer):
    """Who hears of alerts; `signed` says whether there is a secret, never what it is."""

    id: UUID
    name: str
    medium: Medium
    address: str
    signed: bool
    kinds: list[AlertKind] | None
    enabled: bool
    created_at: Moment
    updated_at: Moment
    version: int

    @classmethod
    def of(cls, target: AlertTarget) -> Self:
        """Return a row as it is answered."""
        known = target.model_dump(exclude={"secrets"})
        return cls.model_validate(known | {"signed": "secret" in target.secrets})


class AlertTargetMade(AlertTargetOut):
    """A new target; a secret that was made for it is shown this once."""

    secret: Annotated[str | None, Field(examples=["whsec_…"])]


class AlertTargetPage(Answer):
    """Some targets, and where the next page begins."""

    items: list[AlertTargetOut]
    next: str | None


class AlertOut(Answer):
    """Something that somebody should know, in the reader's language."""

    id: UUID
    kind: AlertKind
    noun: str
    row: UUID
    title: str
    text: str
    reason: str | None
    at: Moment

    @classmethod
    def of(cls, alert: Alert, facts: Facts) -> Self:
        """Return a row as it is answered."""
        return cls(**_told(alert, facts))


class AlertPage(Answer):
    """Some alerts, newest first, and where the next page begins."""

    items: list[AlertOut]
    next: str | None


class TryOut(Answer):
    """One try: `asked` is none, but somebody who asked for another delivery."""

    at: Moment
    outcome: Literal["under_way", "delivered", "again", "refused", "asked"]
    reason: str | None
    reason_text: str | None
    detail: str
    worker: str | None


class DeliveryOut(Answer):
    """An alert on its way to one target; `id` is the `webhook-id` that a webhook gets."""

    id: UUID
    target: UUID
    target_name: str
    medium: Medium
    status: Literal["waiting", "delivered", "failed"]
    next_at: Moment | None
    delivered_at: Moment | None
    tries: list[TryOut]

    @classmethod
    def of(cls, row: AlertDelivery, target: AlertTarget) -> Self:
        """Return a row as it is answered."""
        known: dict[str, Any] = {
            "target": target.id,
            "target_name": target.name,
            "medium": target.medium,
            "next_at": row.next_at if row.status == "waiting" else None,
            "tries": [each | {"reason_text": reason_text(each["reason"])} for each in row.tries],
        }
        return cls.model_validate(row.model_dump() | known)


class AlertWhole(AlertOut):
    """An alert with where it went, and every try."""

    deliveries: list[DeliveryOut]

    @classmethod
    def whole(
        cls, alert: Alert, facts: Facts, rows: Iterable[tuple[AlertDelivery, AlertTarget]]
    ) -> Self:
        """Return a row and its deliveries as they are answered."""
        return cls(**_told(alert, facts), deliveries=[DeliveryOut.of(*each) for each in rows])


class RedeliverIn(Body):
    """To whom once more."""

    target: Annotated[UUID | None, Field(description="One target; null: all that hear it.")] = None


def _told(alert: Alert, facts: Facts) -> dict[str, Any]:
    wording = render(facts, LANGUAGE.get())
    return {
        "id": alert.id,
        "kind": AlertKind(alert.kind),
        "noun": alert.noun,
        "row": alert.row_id,
        "title": wording.title,
        "text": wording.text,
        "reason": facts.reason,
        "at": alert.created_at,
    }
