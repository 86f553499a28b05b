"""Orders: what a person or a test tells the sandbox to be and to do (`/_sandbox/control`)."""

from datetime import timedelta
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from app.sandbox.tiktok import statuses, tokens
from app.sandbox.tiktok.accounts import Account
from app.sandbox.tiktok.mischief import ENDPOINTS, WEBHOOK
from app.sandbox.tiktok.publications import COMPLETE, INBOX, Fate, IdShape, Publication
from app.sandbox.tiktok.state import TikTok
from app.sandbox.tiktok.tricks import Deed, Trick

Count = Annotated[int, Field(ge=0)]
Seconds = Annotated[float, Field(ge=0)]


class CannotDo(Exception):
    """What was ordered cannot be done; the text says why."""


class _Order(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


def _known(endpoint: str) -> str:
    known = sorted({*ENDPOINTS.values(), WEBHOOK})
    if endpoint not in known:
        raise ValueError(f"an endpoint is one of {', '.join(known)}")
    return endpoint


class TrickOrder(_Order):
    """Misbehaviour of an endpoint; `tricks.Trick` says what each field means."""

    endpoint: Annotated[str, AfterValidator(_known)]
    do: Deed
    times: Count = 1
    skip: Count = 0
    code: str = ""
    message: str = ""
    status: Annotated[int, Field(ge=0, le=599)] = 0
    after: bool = False
    read_bytes: Count = 0
    seconds: Seconds = 0

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.do == "refuse" and not (self.code or self.status):
            raise ValueError("a refusal needs a code, or (of an upload) a status")
        if (self.endpoint == WEBHOOK) != (self.do in {"duplicate", "forge", "withhold"}):
            raise ValueError(f"{self.do} is not something that {self.endpoint} can do")
        return self


class FateOrder(_Order):
    """What is to become of the next publications, of one account or of any."""

    account: str = ""
    times: Count = 1
    fail_reason: str = ""
    processing_seconds: Seconds | None = None
    without_post_id: bool = False
    never_pulled: bool = False
    id_shape: IdShape = "list"
    odd_status: str = ""


class InboxOrder(_Order):
    """What the person does with a draft: posts it, `posts` times, or throws it away."""

    publish_id: str
    do: Literal["post", "discard"]
    posts: Annotated[int, Field(ge=1, le=20)] = 1
    public: bool = True


class WithdrawOrder(_Order):
    """An account's consent ends; reasons are those of section 2.12."""

    account: str
    reason: Annotated[int, Field(ge=0, le=5)] = 1


class DeveloperOrder(_Order):
    """Changes to the app: audit, lifetimes in seconds, caps, addresses."""

    audited: bool | None = None
    callback_url: str | None = None
    redirect_uris: list[str] | None = None
    scopes: list[str] | None = None
    url_prefixes: list[str] | None = None
    url_domains: list[str] | None = None
    allow_loopback: bool | None = None
    look_at_files: bool | None = None
    code_seconds: Seconds | None = None
    access_seconds: Seconds | None = None
    refresh_seconds: Seconds | None = None
    upload_seconds: Seconds | None = None
    pull_seconds: Seconds | None = None
    processing_seconds: Seconds | None = None
    moderation_seconds: Seconds | None = None
    creator_info_seconds: Seconds | None = None
    active_user_cap: Count | None = None
    resent_chunk_status: Literal[206, 416] | None = None
    oauth_error_status: Literal[200, 400, 401] | None = None
    log_id_name: Literal["log_id", "logid"] | None = None
    rates: dict[str, Count] | None = None


class AccountOrder(_Order):
    """Changes to an account; a name that is not known becomes a new one."""

    nickname: str | None = None
    private: bool | None = None
    comment_disabled: bool | None = None
    duet_disabled: bool | None = None
    stitch_disabled: bool | None = None
    max_video_post_duration_sec: Count | None = None
    banned: bool | None = None
    old_app: bool | None = None
    posts_cap: Count | None = None
    pending_cap: Count | None = None


class Control(_Order):
    """One order to the sandbox; its parts are done in this order."""

    clear: bool = False
    developer: DeveloperOrder | None = None
    accounts: dict[str, AccountOrder] = {}
    mischief: list[TrickOrder] = []
    next: list[FateOrder] = []
    inbox: list[InboxOrder] = []
    hide: list[str] = []
    expire_access: list[str] = []
    withdraw: list[WithdrawOrder] = []
    advance_seconds: Seconds = 0


def obey(tiktok: TikTok, order: Control) -> None:
    """Do what is ordered; raises `CannotDo` where a name means nothing here."""
    if order.clear:
        tiktok.mischief.tricks.clear()
        tiktok.fates.clear()
    if order.developer:
        rates = tiktok.developer.rates | (order.developer.rates or {})
        _set(tiktok.developer, order.developer)
        tiktok.developer.rates = rates
    for name, change in order.accounts.items():
        _set(tiktok.accounts.setdefault(name, _newcomer(name)), change)
    tiktok.mischief.tricks += [Trick(**each.model_dump()) for each in order.mischief]
    for fate in order.next:
        told = Fate(**fate.model_dump(exclude={"account", "times"}))
        tiktok.fates += [(told, fate.account)] * fate.times
    _persons(tiktok, order)
    tiktok.moved += timedelta(seconds=order.advance_seconds)
    statuses.settle(tiktok)


def _persons(tiktok: TikTok, order: Control) -> None:
    for deed in order.inbox:
        _handle(tiktok, deed)
    for publish_id in order.hide:
        statuses.hide(tiktok, _publication(tiktok, publish_id))
    for username in order.expire_access:
        for token in tiktok.access.values():
            if token.grant.username == username:
                token.until = min(token.until, tiktok.clock())
    for end in order.withdraw:
        _withdraw(tiktok, end)


def _handle(tiktok: TikTok, deed: InboxOrder) -> None:
    statuses.settle(tiktok)
    draft = _publication(tiktok, deed.publish_id)
    if draft.mode != "inbox" or draft.status not in {INBOX, COMPLETE}:
        raise CannotDo(f"{deed.publish_id} is not in an inbox: {draft.status}.")
    if deed.do == "discard":
        statuses.discard(draft)
    else:
        for _ in range(deed.posts):
            statuses.post(tiktok, draft, deed.public)


def _withdraw(tiktok: TikTok, end: WithdrawOrder) -> None:
    if end.account not in tiktok.accounts:
        raise CannotDo(f"There is no account {end.account}.")
    tokens.withdraw_all(tiktok, end.account, end.reason)


def _publication(tiktok: TikTok, publish_id: str) -> Publication:
    publication = tiktok.publications.get(publish_id)
    if publication is None:
        raise CannotDo(f"There is no publish_id {publish_id}.")
    return publication


def _set(target: object, change: BaseModel) -> None:
    for name, value in change.model_dump(exclude_none=True).items():
        setattr(target, name, value)


def _newcomer(name: str) -> Account:
    return Account(name, name, f"-000sandbox-open-id-{name}")
