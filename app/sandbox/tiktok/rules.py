"""Every rule that the sandbox enforces: where it is written, what it asks, how it is refused."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule of `platforms.md`: its section, what it asks, and the answer to who breaks it."""

    section: str
    asks: str
    status: int
    code: str


class Refused(Exception):
    """A request broke a rule; `why` says how, in words for whoever wrote the client."""

    def __init__(self, name: str, why: str) -> None:
        super().__init__(name, why)
        self.name = name
        self.rule = RULES[name]
        self.why = why


def demand(holds: bool, name: str, why: str) -> None:
    """Raise `Refused` unless the rule holds."""
    if not holds:
        raise Refused(name, why)


PARAM, PARAMS = "invalid_param", "invalid_params"
REQUEST, GRANT = "invalid_request", "invalid_grant"

_OAUTH = {
    "redirect-uri": Rule("2.2.2", "redirect_uri is one that is registered, exactly", 400, REQUEST),
    "client-key": Rule("2.2.2", "client_key is the app's", 400, "invalid_client"),
    "response-type": Rule("2.2.2", "response_type is code", 302, "unsupported_response_type"),
    "state": Rule("2.2.2", "state is sent", 302, REQUEST),
    "scope": Rule("2.2.2", "scopes are the app's, separated by commas", 302, "invalid_scope"),
    "pkce": Rule("2.2.2", "a desktop app sends a challenge, S256", 302, REQUEST),
    "denied": Rule("2.2.4", "the person agrees", 302, "access_denied"),
    "form": Rule("2.2.3", "OAuth calls are form-encoded", 400, REQUEST),
    "credentials": Rule(
        "2.2.3", "client_key and client_secret are the app's", 400, "invalid_client"
    ),
    "grant-type": Rule("2.2.3", "grant_type is one of two", 400, "unsupported_grant_type"),
    "grant-fields": Rule("2.2.3", "the grant's fields are all sent", 400, REQUEST),
    "code-unknown": Rule("2.2.3", "the code was given out", 400, GRANT),
    "code-once": Rule("2.2.3", "a code is exchanged once", 400, GRANT),
    "code-expired": Rule("2.2.3", "a code is exchanged before it expires", 400, GRANT),
    "redirect-same": Rule("2.2.3", "redirect_uri is the authorize request's", 400, GRANT),
    "verifier-form": Rule(
        "2.2.2", "the verifier has 43 to 128 unreserved characters", 400, REQUEST
    ),
    "verifier": Rule("2.2.2", "hex(SHA-256(verifier)) is the challenge", 400, GRANT),
    "refresh-unknown": Rule("2.2.3", "the refresh token was given out", 400, GRANT),
    "refresh-rotated": Rule("2.2.3", "a refresh token works once", 400, GRANT),
    "refresh-expired": Rule("2.2.3", "a refresh token lives so many days", 400, GRANT),
    "refresh-revoked": Rule("2.2.3", "a refresh token of a revoked consent is dead", 400, GRANT),
    "revoke-token": Rule("2.2.3", "revoke takes a living access token", 400, REQUEST),
}
_CALLS = {
    "token": Rule("2.2.4", "the access token is known and lives", 401, "access_token_invalid"),
    "consent": Rule("2.2.4", "the person agreed to the scope", 401, "scope_not_authorized"),
    "json": Rule("2.3.1", "bodies are JSON, and said to be, in UTF-8", 400, PARAM),
    "json-other": Rule("2.5.1", "bodies are JSON (other v2 calls)", 400, PARAMS),
    "fields": Rule("2.9", "fields are named, and exist", 400, PARAMS),
    "rate": Rule("2.6", "calls a minute of one user token", 429, "rate_limit_exceeded"),
    "endpoint": Rule("2.3.1", "method and path exist, to the last slash", 404, PARAM),
}
_CREATOR = {
    "creator-posts": Rule("2.3.2", "no more posts now: HTTP 200", 200, "spam_risk_too_many_posts"),
    "creator-banned": Rule("2.3.2", "banned: HTTP 200", 200, "spam_risk_user_banned_from_posting"),
    "creator-cap": Rule("2.3.2", "too many creators: HTTP 200", 200, "reached_active_user_cap"),
    "creator-first": Rule("2.3.2", "creator_info is asked before every direct post", 400, PARAM),
}
_INIT = {
    "unknown-field": Rule("2.3.3", "only documented fields are sent", 400, PARAM),
    "type": Rule("2.3.3", "fields have their types", 400, PARAM),
    "privacy-missing": Rule("2.3.3", "privacy_level is sent", 400, PARAM),
    "privacy": Rule(
        "2.3.3", "privacy_level is one of the options", 403, "privacy_level_option_mismatch"
    ),
    "title": Rule("2.3.3", "a video's title has at most 2200 UTF-16 units", 400, PARAM),
    "brand": Rule("2.3.3", "brand_content_toggle and brand_organic_toggle are sent", 400, PARAM),
    "source": Rule("2.3.3", "source is FILE_UPLOAD or PULL_FROM_URL", 400, PARAM),
    "size": Rule("2.4", "a video has at most 4 GB, and at least a byte", 400, PARAM),
    "chunk-count": Rule("2.3.4 rule 1", "total_chunk_count = floor(size / chunk)", 400, PARAM),
    "chunk-many": Rule("2.3.4 rule 1", "1 to 1000 chunks", 400, PARAM),
    "chunk-size": Rule("2.3.4 rule 2", "a chunk has 5 to 64 MB", 400, PARAM),
    "chunk-small": Rule("2.3.4 rule 3", "under 5 MB: one chunk, the whole file", 400, PARAM),
    "chunk-large": Rule("2.3.4 rule 3", "over 64 MB: several chunks", 400, PARAM),
    "inbox-info": Rule("2.3.6", "an inbox video carries no post_info", 400, PARAM),
    "unaudited": Rule(
        "2.5.1",
        "an unaudited app posts SELF_ONLY, to private accounts",
        403,
        "unaudited_client_can_only_post_to_private_accounts",
    ),
    "posts": Rule("2.6", "15 direct posts of a creator in 24 h", 403, "spam_risk_too_many_posts"),
    "banned": Rule("2.5.1", "the person may post", 403, "spam_risk_user_banned_from_posting"),
    "cap": Rule("2.6", "so many creators post in 24 h", 403, "reached_active_user_cap"),
    "pending": Rule("2.3.6", "5 pending shares in 24 h", 403, "spam_risk_too_many_pending_share"),
}
_PULL = {
    "url-https": Rule("2.3.5", "media URLs are https", 400, PARAM),
    "url-domain": Rule("2.3.5", "a media URL's host is a domain", 400, PARAM),
    "url-owned": Rule("2.3.5", "the domain or prefix is verified", 403, "url_ownership_unverified"),
}
_PHOTO = {
    "media-type": Rule("2.3.7", "media_type is PHOTO", 400, PARAM),
    "post-mode": Rule("2.3.7", "post_mode is DIRECT_POST or MEDIA_UPLOAD", 400, PARAM),
    "photo-title": Rule("2.3.7", "a photo post's title has at most 90 units", 400, PARAM),
    "photo-description": Rule("2.3.7", "its description has at most 4000 units", 400, PARAM),
    "photo-direct": Rule("2.3.7", "privacy and switches are for DIRECT_POST only", 400, PARAM),
    "photo-source": Rule("2.3.1", "photos are pulled", 400, PARAM),
    "photo-count": Rule("2.3.7", "1 to 35 photos", 400, PARAM),
    "photo-cover": Rule("2.3.7", "photo_cover_index is sent, and is one of them", 400, PARAM),
    "app-version": Rule(
        "2.5.1", "the person's app is 31.8 or newer", 400, "app_version_check_failed"
    ),
}
_UPLOAD = {
    "put-task": Rule("2.3.4", "the upload_url was given out, verbatim", 404, ""),
    "put-expired": Rule("2.3.4", "an upload_url is valid for an hour", 403, ""),
    "put-type": Rule("2.3.4", "Content-Type is one of three", 400, ""),
    "put-range": Rule("2.3.4", "Content-Range is bytes first-last/total", 400, ""),
    "put-total": Rule("2.3.4", "the total is video_size", 400, ""),
    "put-length": Rule("2.3.4", "Content-Length is the range's", 400, ""),
    "put-chunk": Rule("2.3.4 rule 2", "a range is a chunk of the plan", 400, ""),
    "put-order": Rule("2.3.4 rule 4", "chunks come one after the other", 416, ""),
    "put-whole": Rule("2.3.4", "a body that breaks off is no progress", 400, ""),
}
_STATUS = {
    "publish-id": Rule("2.5.2", "publish_id is known", 400, "invalid_publish_id"),
    "publish-owner": Rule(
        "2.5.2", "the token is its account's", 400, "token_not_authorized_for_specified_publish_id"
    ),
    "cancellable": Rule("2.5.2", "what is final is not cancelled", 400, "publish_not_cancellable"),
    "max-count": Rule("2.9", "max_count is 1 to 20", 400, PARAMS),
    "video-ids": Rule("2.9", "1 to 20 ids are asked after", 400, PARAMS),
}

RULES: Mapping[str, Rule] = {
    **_OAUTH,
    **_CALLS,
    **_CREATOR,
    **_INIT,
    **_PULL,
    **_PHOTO,
    **_UPLOAD,
    **_STATUS,
}
"""Each rule by its name; `tests/sandbox` has a case for every one."""

CODES: Mapping[str, int] = {
    **{rule.code: rule.status for rule in RULES.values() if rule.status >= 400 and rule.code},
    "invalid_file_upload": 400,
    "scope_permission_missed": 400,
    "internal_error": 500,
    "unauthorized_client": 400,
    "server_error": 500,
    "temporarily_unavailable": 503,
}
"""The HTTP status with which each documented error code comes."""

FAIL_REASONS = frozenset(
    {
        "file_format_check_failed",
        "duration_check_failed",
        "frame_rate_check_failed",
        "picture_size_check_failed",
        "internal",
        "video_pull_failed",
        "photo_pull_failed",
        "publish_cancelled",
        "auth_removed",
        "spam_risk_too_many_posts",
        "spam_risk_user_banned_from_posting",
        "spam_risk_text",
        "spam_risk",
    }
)
"""Those of section 2.5.3; a person may provoke others too, which clients must bear."""
