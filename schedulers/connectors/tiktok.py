"""TikTok: videos and photos to the profile or to a person's inbox, and what became of them.

Source: TikTok for Developers, "Content Posting API" and "Login Kit", 2026-09 to -11.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from schedulers.connector import (
    Absent,
    Accepted,
    Account,
    CannotTell,
    Checked,
    Evidence,
    HandedOver,
    Outcome,
    Outgoing,
    Prepared,
    Published,
    Refused,
    Revoked,
    TryLater,
    Unknown,
)
from schedulers.connectors import tiktok_photos as photos
from schedulers.connectors.tiktok_api import Api, Wrong, is_upload_host, meaning_of, trouble_of
from schedulers.connectors.tiktok_hooks import TikTokHooks
from schedulers.connectors.tiktok_login import TikTokLogin, mode_of
from schedulers.connectors.tiktok_upload import ENOUGH, VALID, Ticket, plan_of, upload
from schedulers.outbound import NoAnswer, NotSent, Outbound

CREATOR = "/v2/post/publish/creator_info/query/"
DIRECT = "/v2/post/publish/video/init/"
INBOX = "/v2/post/publish/inbox/video/init/"
STATUS = "/v2/post/publish/status/fetch/"
USER = "/v2/user/info/?fields=open_id,display_name"

PACES = ((10, 5), (30, 10), (60, 15), (180, 30), (600, 60))
"""While it works for less than so many seconds: how many between two questions; then 5 minutes."""

LONG_SECONDS = 300
LINK_PATIENCE = timedelta(minutes=3)
"""How long a post that is live is asked after for its link, which comes after moderation."""

POST_IDS = ("publicaly_available_post_id", "publicly_available_post_id")
"""TikTok misspells it; it may be mended one day."""

UPLOADING = "PROCESSING_UPLOAD"
SCOPE_OF = {"direct": "video.publish", "inbox": "video.upload"}


class TikTokConnector(TikTokLogin, TikTokHooks):
    """Publishes a video by upload: the last piece is what makes it public.

    RECONCILABLE: the `publish_id` is stored before the first piece leaves, and asked after. In
    mode `inbox` a person finishes it in the app, for which TikTok asks no audit of ours; caption
    and settings cannot be sent there. Photos are fetched by TikTok, which tells the `publish_id`
    only when it has begun: their links are what can be asked, and called off.
    """

    def __init__(self, outbound: Outbound) -> None:
        super().__init__(outbound)
        self._api = Api(outbound)

    async def prepare(
        self, outgoing: Outgoing, now: datetime
    ) -> Prepared | Refused | TryLater | Revoked:
        """Ask what the creator may post, and begin an upload: nothing of it is public."""
        ticket = Ticket.of(outgoing.ticket)
        if outgoing.handle and ticket and ticket.until > now + ENOUGH:
            return Prepared(outgoing.handle, outgoing.ticket)
        post_info: Mapping[str, Any] | None = None
        if mode_of(outgoing.account) == "direct":
            allowed = await self._allowed(outgoing)
            if not isinstance(allowed, Mapping):
                return allowed
            post_info = allowed
        if photos.is_photos(outgoing):
            return photos.prepared(outgoing)
        return await self._begun(outgoing, post_info, now)

    async def publish(self, outgoing: Outgoing, now: datetime) -> Outcome:  # noqa: ARG002
        """Upload, from where an earlier attempt stopped; with the last piece TikTok posts it."""
        if photos.is_photos(outgoing):
            direct = mode_of(outgoing.account) == "direct"
            return await photos.post(self._api, outgoing, direct=direct)
        ticket, handle = Ticket.of(outgoing.ticket), outgoing.handle
        if ticket is None or handle is None:
            return TryLater("upload_expired", None, counts=True, anew=True)
        begun = 0
        if outgoing.again:
            found = await self._status(outgoing)
            if not isinstance(found, Mapping):
                trouble = trouble_of(found)
                return trouble if not isinstance(trouble, Refused) else _anew(found)
            if not _is_open(found):
                return Accepted(handle, PACES[0][1], _evidence(found))
            begun = _uploaded(found)
        ended = await upload(self._outbound, outgoing, ticket, begun)
        return ended or Accepted(handle, PACES[0][1], {"publish_id": handle})

    async def poll(
        self, outgoing: Outgoing, now: datetime
    ) -> Published | Accepted | HandedOver | Refused | TryLater | Revoked | Unknown:
        """Ask for the status; more seldom the longer it takes."""
        found = await self._status(outgoing)
        if not isinstance(found, Mapping):
            return _unanswered(found)
        return _ended(found, outgoing, now) or Accepted(
            outgoing.handle or "", _wait(outgoing, now), _evidence(found)
        )

    async def reconcile(
        self, outgoing: Outgoing, now: datetime
    ) -> Published | Accepted | Absent | CannotTell:
        """Ask whether TikTok has all of the upload; then it posts it, or has."""
        if outgoing.handle is None:
            return CannotTell("no_handle", lasting=True)
        if photos.is_unanswered(outgoing.handle):
            return await photos.recalled(outgoing)
        found = await self._status(outgoing)
        if not isinstance(found, Mapping):
            unanswered = _unanswered(found)
            return CannotTell(unanswered.reason, unanswered.evidence)
        if _is_open(found) and _uploaded(found) < outgoing.files_of(0)[0].bytes:
            return Absent(_evidence(found))
        return Accepted(outgoing.handle, _wait(outgoing, now), _evidence(found))

    async def check(self, account: Account, now: datetime) -> Checked:  # noqa: ARG002
        """Ask whose account it is; says which permissions there are, and which one is missing."""
        scopes = tuple(each.strip() for each in account.secrets.get("scope", "").split(","))
        needed = SCOPE_OF[mode_of(account)]
        if needed not in scopes:
            return Checked(
                answers=False, reason="scope_not_authorized", detail=needed, scopes=scopes
            )
        found = await self._user(account)
        if isinstance(found, Mapping):
            name = str(found.get("display_name", ""))
            return Checked(answers=True, reason=None, detail=name, scopes=scopes)
        reason = _unanswered(found).reason
        return Checked(answers=False, reason=reason, detail="user/info", scopes=scopes)

    async def _user(self, account: Account) -> Mapping[str, Any] | Wrong | NotSent | NoAnswer:
        said = await self._api.call(account, USER, None)
        user = said.get("user") if isinstance(said, Mapping) else said
        return user if user is not None else NoAnswer("answer_unreadable")

    async def _allowed(
        self, outgoing: Outgoing
    ) -> Mapping[str, Any] | Refused | TryLater | Revoked:
        """Return the `post_info`, if the creator may post this now as the person chose."""
        creator = await self._api.call(outgoing.account, CREATOR, {})
        if not isinstance(creator, Mapping):
            return trouble_of(creator)
        options = outgoing.words.options
        chosen, offered = options.get("privacy_level"), creator.get("privacy_level_options")
        if not chosen:
            return Refused("privacy_not_chosen", "privacy_level")
        choices = offered if isinstance(offered, list) else []
        if chosen not in choices:
            told = ", ".join(map(str, choices))
            return Refused("privacy_level_option_mismatch", told, {"chosen": chosen})
        longest = creator.get("max_video_post_duration_sec")
        lasts = outgoing.files_of(0)[0].duration_ms
        if isinstance(longest, int) and lasts and lasts > 1000 * longest:
            return Refused("video_longer_than_creator_may", f"{lasts / 1000:.0f} s > {longest} s")
        return _post_info(outgoing, creator)

    async def _begun(
        self, outgoing: Outgoing, post_info: Mapping[str, Any] | None, now: datetime
    ) -> Prepared | Refused | TryLater | Revoked:
        plan = plan_of(outgoing.files_of(0)[0].bytes)
        body: dict[str, Any] = {
            "source_info": {
                "source": "FILE_UPLOAD",
                "video_size": plan.size,
                "chunk_size": plan.piece,
                "total_chunk_count": plan.count,
            }
        }
        if post_info is not None:
            body["post_info"] = post_info
        path = DIRECT if post_info is not None else INBOX
        data = await self._api.call(outgoing.account, path, body)
        if not isinstance(data, Mapping):
            return trouble_of(data)
        handle, url = str(data.get("publish_id", "")), str(data.get("upload_url", ""))
        if not handle or not is_upload_host(outgoing.account, url):
            return Refused("upload_link_refused", handle)
        return Prepared(handle, Ticket(url, now + VALID).text(), {"publish_id": handle})

    async def _status(self, outgoing: Outgoing) -> Mapping[str, Any] | Wrong | NotSent | NoAnswer:
        return await self._api.call(outgoing.account, STATUS, {"publish_id": outgoing.handle})


def _post_info(outgoing: Outgoing, creator: Mapping[str, Any]) -> Mapping[str, Any]:
    options = outgoing.words.options
    info: dict[str, Any] = {
        "privacy_level": options["privacy_level"],
        "title": outgoing.words.caption(0),
        "brand_content_toggle": bool(options.get("branded_content")),
        "brand_organic_toggle": bool(options.get("brand_organic")),
        "is_aigc": bool(options.get("ai_generated")),
    }
    for what in ("comment", "duet", "stitch"):  # off, unless a person and the account want it
        allowed = bool(options.get(f"allow_{what}")) and not creator.get(f"{what}_disabled")
        info[f"disable_{what}"] = not allowed
    if "cover_ms" in options:
        info["video_cover_timestamp_ms"] = options["cover_ms"]
    return info


def _anew(came: Wrong | NotSent | NoAnswer) -> TryLater:
    evidence = came.evidence if isinstance(came, Wrong) else {}
    return TryLater("upload_expired", None, counts=True, evidence=evidence, anew=True)


def _unanswered(came: Wrong | NotSent | NoAnswer) -> Unknown:
    if not isinstance(came, Wrong):
        return Unknown(came.reason)
    meaning = meaning_of(came.code, came.message, came.evidence)
    wait = meaning.retry_after_seconds if isinstance(meaning, TryLater) else None
    return Unknown(meaning.reason, came.evidence, wait)


def _ended(
    found: Mapping[str, Any], outgoing: Outgoing, now: datetime
) -> Published | HandedOver | Refused | TryLater | Revoked | None:
    match found.get("status"):
        case "PUBLISH_COMPLETE":
            waits = _link_may_come(outgoing, now) and not _post_ids(found)
            return None if waits else _published(found, outgoing)
        case "SEND_TO_USER_INBOX":
            caption = outgoing.words.caption(0)
            return HandedOver({**_evidence(found), "publish_id": outgoing.handle, "text": caption})
        case "FAILED":
            reason = str(found.get("fail_reason") or "")
            return meaning_of(reason, reason, _evidence(found))
        case _:
            return None


def _published(found: Mapping[str, Any], outgoing: Outgoing) -> Published:
    ids = _post_ids(found)
    if not ids:  # moderation is not over, or it is for nobody else: no link ever
        return Published(outgoing.handle or "", None, _evidence(found))
    kind = "photo" if photos.is_photos(outgoing) else "video"
    link = f"https://www.tiktok.com/@{outgoing.account.handle}/{kind}/{ids[0]}"
    return Published(ids[0], link, _evidence(found))


def _link_may_come(outgoing: Outgoing, now: datetime) -> bool:
    """Say whether moderation is worth waiting for: usually a minute, and never for `SELF_ONLY`."""
    begun = outgoing.first_tried_at or now
    seen = outgoing.words.options.get("privacy_level") != "SELF_ONLY"
    return seen and mode_of(outgoing.account) == "direct" and now - begun < LINK_PATIENCE


def _post_ids(found: Mapping[str, Any]) -> list[str]:
    for name in POST_IDS:
        ids = found.get(name)
        if ids:
            return [str(each) for each in (ids if isinstance(ids, list) else [ids])]
    return []


def _is_open(found: Mapping[str, Any]) -> bool:
    return found.get("status") == UPLOADING


def _uploaded(found: Mapping[str, Any]) -> int:
    count = found.get("uploaded_bytes")
    return count if isinstance(count, int) else 0


def _evidence(found: Mapping[str, Any]) -> Evidence:
    named = ("status", "fail_reason", "uploaded_bytes", "downloaded_bytes")
    told = {name: found[name] for name in named if found.get(name) is not None}
    return {**told, "post_ids": _post_ids(found)}


def _wait(outgoing: Outgoing, now: datetime) -> int:
    begun = outgoing.first_tried_at or now
    for seconds, wait in PACES:
        if now - begun < timedelta(seconds=seconds):
            return wait
    return LONG_SECONDS
