"""What an alert says, in words: one line for a subject, and a text that tells what to do."""

from datetime import datetime

from app.speech import messages
from planner.alerts import Facts, Wording


def render(facts: Facts, language: str) -> Wording:
    """Return an alert's title and text in a language."""
    texts = messages(language)["alerts"]
    kind = facts.kind.replace("_", "-")
    known = {
        "title": facts.title or texts["no-title"],
        "channel": facts.channel or texts["no-channel"],
        "target": facts.target or texts["no-target"],
        "when": _when(facts.local, facts.timezone, language),
        "why": _why(facts.reason, language),
    }
    return Wording(
        title=texts[f"{kind}-title"].format(**known),
        text=_without_gaps(texts[f"{kind}-text"].format(**known)),
    )


def _without_gaps(text: str) -> str:
    return "\n".join(line for line in text.splitlines() if line.strip())


def _when(local: datetime | None, timezone: str | None, language: str) -> str:
    if local is None:
        return ""
    said = messages(language)
    month = said["report"][f"month-{local.month}"]
    day = f"{local.day} {month} {local.year}"
    return str(said["alerts"]["when"].format(day=day, time=f"{local:%H.%M}", zone=timezone))


def _why(reason: str | None, language: str) -> str:
    return "" if reason is None else str(messages(language)["reasons"].get(reason, reason))
