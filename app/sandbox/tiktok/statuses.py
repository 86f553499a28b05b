"""What becomes of a publication: processing, moderation, the person's inbox, cancelling."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from app.sandbox.tiktok import fields, hooks
from app.sandbox.tiktok.creators import direct_posts
from app.sandbox.tiktok.publications import (
    COMPLETE,
    DOWNLOADING,
    FAILED,
    INBOX,
    UPLOADING,
    IdShape,
    Post,
    Publication,
)
from app.sandbox.tiktok.rules import Refused, demand
from app.sandbox.tiktok.state import Caller, TikTok

FIRST_POST_ID = 7_500_000_000_000_000_000  # above 2**53, as the real ones are
DIRECT_TYPE, INBOX_TYPE = "DIRECT_PUBLISH", "INBOX_SHARE"


def fetch(tiktok: TikTok, caller: Caller, body: Mapping[str, Any]) -> dict[str, Any]:
    """Answer `/v2/post/publish/status/fetch/`."""
    publication = _of(tiktok, caller, body)
    settle(tiktok)
    said: dict[str, Any] = {"status": publication.status}
    if publication.fate.odd_status and not publication.final:
        said["status"] = publication.fate.odd_status
    if publication.fail_reason:
        said["fail_reason"] = publication.fail_reason
    if publication.upload:
        said["uploaded_bytes"] = publication.upload.received
    else:
        said["downloaded_bytes"] = sum(file.bytes for file in publication.files)
    if publication.status == COMPLETE:
        said |= _shaped(public_ids(tiktok, publication), publication.fate.id_shape)
    return said


def _shaped(ids: list[int], shape: IdShape) -> dict[str, Any]:
    if shape == "absent" or (shape in {"number", "text"} and not ids):
        return {}
    if shape == "respelt":
        return {"publicly_available_post_id": ids}
    said: Any = {"list": ids, "number": ids[:1], "text": [str(each) for each in ids]}[shape]
    return {"publicaly_available_post_id": said[0] if shape == "number" else said}


def public_ids(tiktok: TikTok, publication: Publication) -> list[int]:
    """Return the ids of the posts that everybody can see by now."""
    now = tiktok.clock()
    return [
        post.post_id
        for post in publication.posts
        if post.visible and post.public_at and post.public_at <= now
    ]


def cancel(tiktok: TikTok, caller: Caller, body: Mapping[str, Any]) -> dict[str, Any]:
    """Answer `/v2/post/publish/cancel/`: a pull that is under way ends."""
    publication = _of(tiktok, caller, body)
    settle(tiktok)
    under_way = publication.status == DOWNLOADING
    demand(under_way, "cancellable", f"The status is {publication.status}.")
    fail(tiktok, publication, "publish_cancelled")
    return {}


def settle(tiktok: TikTok) -> None:
    """Let everything become what it is by now, and tell the events of it."""
    for publication in tiktok.publications.values():
        if publication.status in {UPLOADING, DOWNLOADING}:
            if not tiktok.consents(publication.username):
                fail(tiktok, publication, "auth_removed")
            elif _pulled_too_long(tiktok, publication):
                fail(tiktok, publication, f"{publication.kind}_pull_failed")
            else:
                _process(tiktok, publication)
        _tell_public(tiktok, publication)


def _pulled_too_long(tiktok: TikTok, publication: Publication) -> bool:
    waits = publication.status == DOWNLOADING and publication.arrived_at is None
    until = publication.begun_at + timedelta(seconds=tiktok.developer.pull_seconds)
    return waits and tiktok.clock() >= until


def _process(tiktok: TikTok, publication: Publication) -> None:
    arrived, fate = publication.arrived_at, publication.fate
    seconds = fate.processing_seconds
    if seconds is None:
        seconds = tiktok.developer.processing_seconds
    if arrived is None or tiktok.clock() < arrived + timedelta(seconds=seconds):
        return
    account = tiktok.accounts[publication.username]
    if fate.fail_reason:
        fail(tiktok, publication, fate.fail_reason)
    elif account.banned:
        fail(tiktok, publication, "spam_risk_user_banned_from_posting")
    elif publication.mode == "inbox":
        publication.status = INBOX
        _tell(tiktok, "post.publish.inbox_delivered", publication)
    elif _is_over(tiktok, publication, account.posts_cap):
        fail(tiktok, publication, "spam_risk_too_many_posts")
    else:
        everyone = publication.info["privacy_level"] == "PUBLIC_TO_EVERYONE"
        post(tiktok, publication, everyone and not fate.without_post_id)


def _is_over(tiktok: TikTok, publication: Publication, cap: int) -> bool:
    mine = [each for each in direct_posts(tiktok) if each.username == publication.username]
    mine.sort(key=lambda each: each.committed_at or each.begun_at)
    return any(each is publication for each in mine[cap:])


def fail(tiktok: TikTok, publication: Publication, reason: str) -> None:
    """End a publication in failure."""
    publication.status, publication.fail_reason = FAILED, reason
    _tell(tiktok, "post.publish.failed", publication, reason=reason)


def post(tiktok: TikTok, publication: Publication, public: bool) -> Post:
    """Put a publication on the profile; from the inbox this may happen several times."""
    now = tiktok.clock()
    seen = now + timedelta(seconds=tiktok.developer.moderation_seconds) if public else None
    made = Post(FIRST_POST_ID + tiktok.number(), now, seen)
    publication.posts.append(made)
    publication.status, publication.finished = COMPLETE, True
    _tell(tiktok, "post.publish.complete", publication)
    return made


def discard(publication: Publication) -> None:
    """Let the person throw an inbox draft away; the status stays, the share is not pending."""
    publication.finished = True


def hide(tiktok: TikTok, publication: Publication) -> None:
    """Take the posts of a publication out of the public's sight."""
    public = public_ids(tiktok, publication)
    for each in publication.posts:
        each.visible = False
        if each.post_id in public:
            event = "post.publish.no_longer_publicaly_available"
            _tell(tiktok, event, publication, post_id=each.post_id)


def _of(tiktok: TikTok, caller: Caller, body: Mapping[str, Any]) -> Publication:
    fields.only(body, ("publish_id",), "the body")
    wanted = fields.text(body, "publish_id")
    publication = tiktok.publications.get(wanted)
    if publication is None:
        raise Refused("publish-id", f"No such publish_id: {wanted!r}.")
    own = publication.username == caller.account.username
    demand(own, "publish-owner", "It is another account's.")
    return publication


def _tell_public(tiktok: TikTok, publication: Publication) -> None:
    for post_id in public_ids(tiktok, publication):
        if post_id not in publication.told:
            publication.told.add(post_id)
            _tell(tiktok, "post.publish.publicly_available", publication, post_id=post_id)


def _tell(tiktok: TikTok, event: str, publication: Publication, **more: Any) -> None:
    kind = INBOX_TYPE if publication.mode == "inbox" else DIRECT_TYPE
    content = {"publish_id": publication.publish_id, **more, "publish_type": kind}
    hooks.tell(tiktok, event, publication.username, content)
