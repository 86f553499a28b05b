"""What the mix says, in words: why a change is refused, and what would help."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any
from uuid import UUID

from app.schemas.mix import ChangesNeeded, MixFix, MixWindow
from app.speech import messages
from planner.periods import Period, Standing, WindowName, month_of
from store.admission import MixViolation
from store.fixing import Fix
from store.judging import Held


def members(violation: MixViolation, language: str) -> dict[str, Any]:
    """Return what a refusal carries besides its sentence, as JSON."""
    judgement = violation.judgement
    windows = [MixWindow.of(each) for each in judgement.held]
    return {
        "windows": [each.model_dump(mode="json", by_alias=True) for each in windows],
        "changes_needed": ChangesNeeded.of(judgement.verdict).model_dump(mode="json"),
        "fixes": [each.model_dump(mode="json") for each in fixes(violation, language)],
    }


def fixes(violation: MixViolation, language: str) -> list[MixFix]:
    """Return what would help, each with its sentence."""
    return [MixFix.of(each, _fix_text(violation, each, language)) for each in violation.fixes]


def detail(violation: MixViolation, language: str) -> str:
    """Return why a change is refused and what would help, in one or two sentences."""
    texts = messages(language)["mix"]
    why = "; ".join(
        dict.fromkeys(_why(violation, each, texts, language) for each in _told(violation))
    )
    kind = "refused" if violation.is_placing else "refused-change"
    said: str = texts[kind].format(why=why)
    ways = texts["between"].join(_fix_text(violation, each, language) for each in violation.fixes)
    return f"{said} {ways[:1].upper()}{ways[1:]}." if ways else said


def _told(violation: MixViolation) -> list[Held]:
    """Return the harmed windows that are worth telling: a channel's outermost that is off."""
    told: dict[UUID, Held] = {}
    for held in violation.harmed:
        if held.after.repair or held.period.channel_id not in told:
            told[held.period.channel_id] = held
    return list(told.values())


def _why(violation: MixViolation, held: Held, texts: Mapping[str, str], language: str) -> str:
    after, names = held.after, _names(held.standing)
    facts = {
        "channel": violation.channels.get(held.period.channel_id, ""),
        "period": _period(held.period, texts, language),
    }
    bounds = list(zip(names, after.placed, after.lower, after.upper, strict=True))
    full = [(name, most) for name, posts, _, most in bounds if posts > most]
    if full and held.before is not None:
        name, most = full[0]
        count = min(most, held.before.placed[names.index(name)])
        return texts["why-full"].format(**facts, type=name, count=count, most=most)
    needs = [(name, least - posts) for name, posts, least, _ in bounds if posts < least]
    if after.repair and needs:
        free = after.slots - sum(after.placed)
        told = ", ".join(f"{posts} {name}" for name, posts in needs)
        return texts["why-needed"].format(**facts, open=free, needs=told)
    return texts["why-joint"].format(**facts)


def _fix_text(violation: MixViolation, fix: Fix, language: str) -> str:
    texts = messages(language)["mix"]
    names: dict[str, str] = {}
    for held in violation.judgement.held:
        names |= dict(zip(held.standing.keys, _names(held.standing), strict=True))
    when = _when(fix.local, texts, language) if fix.local else ""
    return str(
        texts[f"fix-{fix.kind}"].format(
            when=when, title=fix.title, type=names.get(fix.type, fix.type)
        )
    )


def _names(standing: Standing) -> list[str]:
    known = dict(zip(standing.piece.shares.keys, standing.piece.shares.names, strict=False))
    return [known.get(key, key) for key in standing.keys]


def _period(period: Period, texts: Mapping[str, str], language: str) -> str:
    if (period.first, period.until) == month_of(period.first):
        months = messages(language)["report"]
        month = months[f"month-{period.first.month}"]
        return texts["in-month"].format(month=month, year=period.first.year)
    last = _day(period.last, language)
    if period.name is WindowName.MONTH:
        return texts["in-days"].format(first=_day(period.first, language), last=last)
    return texts["until-day"].format(last=last)


def _when(local: datetime, texts: Mapping[str, str], language: str) -> str:
    weekday = texts[f"weekday-{local.weekday()}"]
    return f"{weekday} {_day(local.date(), language)} {local:%H.%M}"


def _day(day: date, language: str) -> str:
    month = messages(language)["report"][f"month-{day.month}"]
    return f"{day.day} {month}"
