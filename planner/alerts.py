"""Alerts: what a person should hear of without looking."""

from enum import StrEnum


class AlertKind(StrEnum):
    """What happened, or is about to (design note "publishing", section 6)."""

    FAILED = "failed"
    NEEDS_REVIEW = "needs_review"
    MISSED = "missed"
    HANDED_OVER = "handed_over"
    UNCONFIRMED = "unconfirmed"  # handed over two hours ago, and nobody said that it is live
    NEEDS_REAUTH = "needs_reauth"  # a channel must be connected again
    UNAPPROVED = "unapproved"  # due in less than two hours, and not approved
    PREFLIGHT = "preflight"  # a channel with posts to come does not answer
    TEST = "test"  # somebody tries whether a target hears


class Medium(StrEnum):
    """By what an alert travels."""

    WEBHOOK = "webhook"
    EMAIL = "email"
