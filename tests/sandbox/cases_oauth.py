"""Cases of Login Kit: consent, tokens, who may call (sections 2.2 and 2.6)."""

import httpx

from tests.sandbox.cases import (
    CREATOR,
    LIST,
    PHOTO,
    Case,
    Deed,
    authorizing,
    calling,
    consenting,
    draft_body,
    exchanged,
    tokening,
    without,
)
from tests.sandbox.platform import KEYS, PRIVATE, WEB, Stage, agree, exchange, wish

REFRESH = {"grant_type": "refresh_token"}
RFC7636 = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
HALF_A_YEAR = 180 * 86400


def refreshing(*, twice: bool = False, seconds: float = 0, revoked: bool = False) -> Deed:
    """Connect, and refresh: again with the same token, late, or after the consent's end."""

    async def refresh(s: Stage) -> httpx.Response:
        pair = await s.pair()
        form = KEYS | REFRESH | {"refresh_token": pair["refresh_token"]}
        if twice:
            await s.http.post("/v2/oauth/token/", data=form)
        if revoked:
            told = KEYS | {"token": pair["access_token"]}
            await s.http.post("/v2/oauth/revoke/", data=told)
        s.wait(seconds)
        return await s.http.post("/v2/oauth/token/", data=form)

    return refresh


async def refresh_unknown(s: Stage) -> httpx.Response:
    form = KEYS | REFRESH | {"refresh_token": "rft.invented"}
    return await s.http.post("/v2/oauth/token/", data=form)


def coding(*, times: int = 1, seconds: float = 0, spoil: str = "") -> Deed:
    """Exchange a code: several times, late, or spoilt."""

    async def exchange_it(s: Stage) -> httpx.Response:
        code = (await agree(s.http, wish()))["code"] + spoil
        s.wait(seconds)
        for _ in range(times - 1):
            await s.http.post("/v2/oauth/token/", data=exchange(code))
        return await s.http.post("/v2/oauth/token/", data=exchange(code))

    return exchange_it


async def as_json(s: Stage) -> httpx.Response:
    code = (await agree(s.http, wish()))["code"]
    return await s.http.post("/v2/oauth/token/", json=exchange(code))


async def base64url(s: Stage) -> httpx.Response:
    return await exchanged(s, challenge=RFC7636)


async def web_without_pkce(s: Stage) -> httpx.Response:
    query = without(wish(redirect_uri=WEB), "code_challenge", "code_challenge_method")
    code = (await agree(s.http, query))["code"]
    form = without(exchange(code, redirect_uri=WEB), "code_verifier")
    return await s.http.post("/v2/oauth/token/", data=form)


def revoking(token: str = "") -> Deed:
    async def revoke(s: Stage) -> httpx.Response:
        pair = await s.pair()
        form = KEYS | {"token": token or pair["access_token"]}
        return await s.http.post("/v2/oauth/revoke/", data=form)

    return revoke


def late(seconds: float) -> Deed:
    async def call(s: Stage) -> httpx.Response:
        token = await s.token()
        s.wait(seconds)
        return await s.call(CREATOR, token)

    return call


def bearing(authorization: str) -> Deed:
    async def call(s: Stage) -> httpx.Response:
        return await s.http.post(CREATOR, headers={"Authorization": authorization})

    return call


def often(times: int, pause: float = 0) -> Deed:
    async def call(s: Stage) -> httpx.Response:
        token = await s.token(PRIVATE)
        for _ in range(times - 1):
            await s.call(CREATOR, token)
        s.wait(pause)
        return await s.call(CREATOR, token)

    return call


def info(fields: str, scopes: tuple[str, ...] = ("user.info.basic",)) -> Deed:
    async def ask(s: Stage) -> httpx.Response:
        bearer = {"Authorization": f"Bearer {await s.token(PRIVATE, scopes)}"}
        return await s.http.get("/v2/user/info/", params={"fields": fields}, headers=bearer)

    return ask


def at(path: str) -> Deed:
    async def ask(s: Stage) -> httpx.Response:
        return await s.call(path, await s.token())

    return ask


PAGE = authorizing()
UNDERSTOOD = tokening()
REQUEST, GRANT = "invalid_request", "invalid_grant"

CASES = [
    Case("client-key", "2.2.2", 400, "", authorizing(client_key="other"), PAGE),
    Case("client-key", "2.2.2", 400, "", authorizing("client_key", client_id="sandboxawkey"), PAGE),
    Case("redirect-uri", "2.2.2", 400, "", authorizing(redirect_uri=f"{WEB}/"), PAGE),
    Case("redirect-uri", "2.2.2", 400, "", authorizing(redirect_uri=f"{WEB}?a=b"), PAGE),
    Case(
        "response-type",
        "2.2.2",
        302,
        "unsupported_response_type",
        authorizing(response_type="token"),
        PAGE,
    ),
    Case("state", "2.2.2", 302, REQUEST, authorizing("state"), PAGE),
    Case(
        "scope",
        "2.2.2",
        302,
        "invalid_scope",
        authorizing(scope="user.info.basic video.upload"),
        authorizing(scope="user.info.basic,video.upload"),
    ),
    Case("scope", "2.2.2", 302, "invalid_scope", authorizing(scope="research.data.basic"), PAGE),
    Case("pkce", "2.2.2", 302, REQUEST, authorizing("code_challenge"), PAGE),
    Case("pkce", "2.2.2", 302, REQUEST, authorizing(code_challenge_method="plain"), PAGE),
    Case("denied", "2.2.4", 302, "access_denied", consenting("deny"), consenting("allow")),
    Case("form", "2.2.3", 400, REQUEST, as_json, UNDERSTOOD),
    Case("credentials", "2.2.3", 400, "invalid_client", tokening(client_secret="x"), UNDERSTOOD),
    Case(
        "grant-type",
        "2.2.3",
        400,
        "unsupported_grant_type",
        tokening(grant_type="client_credentials"),
        UNDERSTOOD,
    ),
    Case("grant-fields", "2.2.3", 400, REQUEST, tokening("redirect_uri"), UNDERSTOOD),
    Case("code-unknown", "2.2.3", 400, GRANT, coding(spoil="%21"), coding()),
    Case("code-once", "2.2.3", 400, GRANT, coding(times=2), coding()),
    Case("code-expired", "2.2.3", 400, GRANT, coding(seconds=301), coding(seconds=299)),
    Case("redirect-same", "2.2.3", 400, GRANT, tokening(redirect_uri=WEB), UNDERSTOOD),
    Case("verifier-form", "2.2.2", 400, REQUEST, tokening("code_verifier"), UNDERSTOOD),
    Case("verifier-form", "2.2.2", 400, REQUEST, tokening("code_verifier"), web_without_pkce),
    Case("verifier-form", "2.2.2", 400, REQUEST, tokening(code_verifier="a" * 42), UNDERSTOOD),
    Case("verifier", "2.2.2", 400, GRANT, base64url, UNDERSTOOD),
    Case("verifier", "2.2.2", 400, GRANT, tokening(code_verifier="a" * 43), UNDERSTOOD),
    Case("refresh-unknown", "2.2.3", 400, GRANT, refresh_unknown, refreshing()),
    Case("refresh-rotated", "2.2.3", 400, GRANT, refreshing(twice=True), refreshing()),
    Case(
        "refresh-expired",
        "2.2.3",
        400,
        GRANT,
        refreshing(seconds=HALF_A_YEAR),
        refreshing(seconds=HALF_A_YEAR - 1),
    ),
    Case("refresh-revoked", "2.2.3", 400, GRANT, refreshing(revoked=True), refreshing()),
    Case("revoke-token", "2.2.3", 400, REQUEST, revoking("act.invented"), revoking()),
    Case("token", "2.2.4", 401, "access_token_invalid", late(7200), late(7199)),
    Case("token", "2.2.4", 401, "access_token_invalid", bearing("Bearer act.x"), late(0)),
    Case("token", "2.2.4", 401, "access_token_invalid", bearing(""), late(0)),
    Case(
        "consent",
        "2.2.4",
        401,
        "scope_not_authorized",
        calling(CREATOR, None, ("video.upload",)),
        calling(CREATOR, None, ("video.publish",)),
    ),
    Case(
        "consent",
        "2.2.4",
        401,
        "scope_not_authorized",
        info("username,follower_count"),
        info("username,follower_count", ("user.info.profile", "user.info.stats")),
    ),
    Case(
        "consent",
        "2.2.4",
        401,
        "scope_not_authorized",
        calling(f"{LIST}?fields=id", {}, ("video.publish",)),
        calling(f"{LIST}?fields=id", {}, ("video.list",)),
    ),
    Case(
        "consent",
        "2.2.4",
        401,
        "scope_not_authorized",
        calling(PHOTO, draft_body(), ("video.publish",)),
        calling(PHOTO, draft_body(), ("video.upload",)),
    ),
    Case("fields", "2.9", 400, "invalid_params", info(""), info("open_id,display_name")),
    Case("fields", "2.9", 400, "invalid_params", info("open_id,email"), info("open_id")),
    Case("rate", "2.6", 429, "rate_limit_exceeded", often(21), often(20)),
    Case("rate", "2.6", 429, "rate_limit_exceeded", often(21, 59), often(21, 60)),
    Case("endpoint", "2.3.1", 404, "invalid_param", at(CREATOR.rstrip("/")), at(CREATOR)),
]
