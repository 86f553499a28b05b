"""Logging: one form for every line, whoever writes it, and no secrets in any of them."""

import logging
import re
import sys
from collections.abc import Mapping
from typing import Any, TextIO

import structlog
from structlog.typing import EventDict, Processor

MASK = "***"

# What a secret looks like, wherever it stands; the group before it stays, to say what it was.
_LOOKS = (
    re.compile(r"(pilar_)[0-9A-Za-z]{20,}"),  # a key of ours
    re.compile(r"(pilar=)[^\s;,\"']+"),  # a session's cookie
    re.compile(r"(\b(?:act|rft)\.)[0-9A-Za-z!_.*~-]{12,}"),  # TikTok's tokens
    re.compile(r"([0-9]{5,20}(?::|%3[Aa]))[0-9A-Za-z_-]{20,}"),  # a Telegram bot's token
    re.compile(r"(whsec_)[0-9A-Za-z+/=_-]{8,}"),  # a webhook's secret
    re.compile(r"(?i)(\b(?:Bearer|Basic)\s+)[^\s,;\"']+"),
    re.compile(r"(://[^/\s:@]+:)[^/\s@]+(?=@)"),  # a password in a URL
    re.compile(  # a signed link
        r"(/(?:media/[0-9a-f-]{36}|pull/[0-9a-f-]{36}/[\w-]+)/[0-9a-f-]{36}/[0-9]+/)[^\s\"'/?#]+"
    ),
    re.compile(r"(\b[0-9A-Za-z_-]{1,16}:)[0-9A-Za-z+/_-]{43}=?(?![0-9A-Za-z+/_-])"),  # a key ring
    re.compile(
        r"(?i)([\w-]*(?:password|passwd|secret|token|api[_-]?key)[\"']?\s*[=:]\s*[\"']?)[^\s\"',;&}]+"
    ),
)
_NAMES = re.compile(
    r"passw|passphrase|secret|token|cookie|authorization|credential|api_?key", re.IGNORECASE
)

# They tell each step at INFO; what goes wrong there is heard at WARNING.
_CHATTY = (
    "alembic",
    "apscheduler",
    "asyncio",
    "httpcore",
    "httpx",
    "PIL",
    "procrastinate",
    "psycopg",
    "uvicorn",
)


def redact(value: Any) -> Any:
    """Return a value with everything masked that looks like a secret or is named like one."""
    if isinstance(value, str):
        for look in _LOOKS:
            value = look.sub(rf"\1{MASK}", value)
        return value
    if isinstance(value, Mapping):
        return {
            name: MASK if _NAMES.search(str(name)) and each else redact(each)
            for name, each in value.items()
        }
    if isinstance(value, list | tuple | set | frozenset):
        return [redact(each) for each in value]
    if value is None or isinstance(value, bool | int | float):
        return value
    return redact(str(value))


def _redacted(_logger: Any, _method: str, event: EventDict) -> EventDict:
    masked: EventDict = redact(event)
    return masked


class _Stderr(logging.StreamHandler[TextIO]):
    """Writes to what standard error is now, not to what it was when logging began."""

    def __init__(self) -> None:
        logging.Handler.__init__(self)

    @property
    def stream(self) -> TextIO:
        """Standard error."""
        return sys.stderr

    @stream.setter
    def stream(self, _stream: TextIO) -> None:
        return


def configure(level: str, form: str) -> None:
    """Send structlog and the standard library's logging through one renderer to standard error.

    `level` is a name of the standard library in lower case; `form` is `console` or `json`.
    """
    number = logging.getLevelNamesMapping()[level.upper()]
    before: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[*before, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
    handler = _Stderr()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=before,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                _redacted,  # after the traceback has become text, or it would slip through
                _renderer(form),
            ],
        )
    )
    root = logging.getLogger()
    for each in [each for each in root.handlers if isinstance(each, _Stderr)]:
        root.removeHandler(each)
    root.addHandler(handler)
    root.setLevel(number)
    for name in _CHATTY:
        logging.getLogger(name).setLevel(max(number, logging.WARNING))


def _renderer(form: str) -> Processor:
    if form == "json":
        return structlog.processors.JSONRenderer(ensure_ascii=False)
    # Rich tracebacks would print local variables, and those hold secrets.
    return structlog.dev.ConsoleRenderer(
        colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
    )
