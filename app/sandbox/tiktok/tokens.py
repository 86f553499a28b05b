"""Consent and tokens: codes that work once, refresh tokens that rotate, and who is calling."""

import hashlib
import hmac
import re
import secrets
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from app.sandbox.tiktok import hooks
from app.sandbox.tiktok.rules import Refused, demand
from app.sandbox.tiktok.state import Caller, Grant, TikTok, Token

DESKTOP_HOSTS = frozenset({"localhost", "127.0.0.1"})
BASIC = "user.info.basic"
_VERIFIER = re.compile(r"[A-Za-z0-9\-._~]{43,128}")
_CHALLENGE = re.compile(r"[0-9a-f]{64}")
_PORT = re.compile(r":\d{1,5}(?=/|\Z)")


def is_desktop(redirect_uri: str) -> bool:
    """Say whether an address is one of a desktop app, which must use PKCE."""
    return urlsplit(redirect_uri).hostname in DESKTOP_HOSTS


def faults_of(redirect_uris: Sequence[str]) -> list[str]:
    """Return why addresses cannot be registered (2.2.2), one sentence each."""
    faults = [] if len(redirect_uris) <= 10 else ["More than 10 addresses."]
    for uri in redirect_uris:
        wild = uri.replace(":*", ":1")
        parts = urlsplit(wild)
        if parts.query or parts.fragment or len(uri) >= 512:
            faults.append(f"{uri}: no query, no fragment, less than 512 characters.")
        elif is_desktop(wild):
            if parts.scheme not in {"http", "https"} or parts.port is None:
                faults.append(f"{uri}: http or https, with a port.")
        elif parts.scheme != "https" or not parts.hostname or wild != uri:
            faults.append(f"{uri}: https, absolute.")
    return faults


def is_registered(tiktok: TikTok, redirect_uri: str) -> bool:
    """Say whether an address is registered, or differs by a port that is registered as `*`."""
    registered = tiktok.developer.redirect_uris
    any_port = _PORT.sub(":*", redirect_uri, count=1)
    return redirect_uri in registered or (is_desktop(redirect_uri) and any_port in registered)


def check_app(tiktok: TikTok, query: Mapping[str, str]) -> None:
    """Check what must be right before anybody is sent back: the app and its address."""
    known = hmac.compare_digest(
        query.get("client_key", "").encode(), tiktok.developer.client_key.encode()
    )
    demand(known, "client-key", "The client_key is not the sandbox app's.")
    uri = query.get("redirect_uri", "")
    demand(is_registered(tiktok, uri), "redirect-uri", f"Not registered: {uri or 'none'}.")


def check_wish(tiktok: TikTok, query: Mapping[str, str]) -> tuple[str, ...]:
    """Return the scopes that an authorize request asks for."""
    kind = query.get("response_type", "")
    demand(kind == "code", "response-type", f"response_type is {kind!r}.")
    demand(bool(query.get("state")), "state", "There is no state.")
    scopes = tuple(query.get("scope", "").split(","))
    unknown = [scope for scope in scopes if scope not in tiktok.developer.scopes]
    demand(not unknown, "scope", f"Not a scope of this app: {', '.join(unknown) or 'none'}.")
    if is_desktop(query["redirect_uri"]):
        demand(query.get("code_challenge_method") == "S256", "pkce", "The method is not S256.")
        demand(bool(query.get("code_challenge")), "pkce", "There is no code_challenge.")
    return scopes


def agree(
    tiktok: TikTok, query: Mapping[str, str], username: str, scopes: tuple[str, ...]
) -> tuple[str, tuple[str, ...]]:
    """Note a person's consent and return its code and the scopes that it covers."""
    granted = tuple(each for each in tiktok.developer.scopes if each in {*scopes, BASIC})
    desktop = is_desktop(query["redirect_uri"])
    code = f"{secrets.token_urlsafe(30)}*0!{tiktok.number()}"
    grant = Grant(username, granted)
    tiktok.grants.append(grant)
    tiktok.codes[code] = Token(
        grant,
        tiktok.after(tiktok.developer.code_seconds),
        redirect_uri=query["redirect_uri"],
        challenge=query["code_challenge"] if desktop else "",
    )
    tiktok.tokens["codes"] += 1
    return code, granted


def exchange(tiktok: TikTok, form: Mapping[str, str]) -> dict[str, Any]:
    """Answer `/v2/oauth/token/`: a code or a refresh token for a new pair."""
    _credentials(tiktok, form)
    kind = form.get("grant_type", "")
    if kind == "authorization_code":
        return _first(tiktok, form)
    demand(kind == "refresh_token", "grant-type", f"grant_type is {kind!r}.")
    return _again(tiktok, form)


def revoke(tiktok: TikTok, form: Mapping[str, str]) -> None:
    """Answer `/v2/oauth/revoke/`: the whole consent of an access token ends."""
    _credentials(tiktok, form)
    token = tiktok.access.get(form.get("token", ""))
    if token is None or not token.grant.alive:
        raise Refused("revoke-token", "The access token is unknown, or was revoked already.")
    withdraw(tiktok, token.grant, 5)


def withdraw(tiktok: TikTok, grant: Grant, reason: int) -> None:
    """End a consent and tell the app why (2.12: 1 the person, 5 the developer, …)."""
    grant.alive = False
    tiktok.tokens["revocations"] += 1
    hooks.tell(tiktok, "authorization.removed", grant.username, {"reason": reason})


def withdraw_all(tiktok: TikTok, username: str, reason: int) -> None:
    """End every consent of an account."""
    for grant in tiktok.grants:
        if grant.username == username and grant.alive:
            withdraw(tiktok, grant, reason)


def caller_of(tiktok: TikTok, authorization: str) -> Caller:
    """Return who calls with a Bearer token; raises `Refused`."""
    scheme, _, value = authorization.partition(" ")
    token = tiktok.access.get(value) if scheme == "Bearer" else None
    if token is None:
        raise Refused("token", "There is no Bearer token, or not one that was given out.")
    demand(token.grant.alive, "token", "The person's consent was withdrawn.")
    demand(tiktok.clock() < token.until, "token", "The access token has expired.")
    return Caller(tiktok.accounts[token.grant.username], token.grant)


def _credentials(tiktok: TikTok, form: Mapping[str, str]) -> None:
    developer = tiktok.developer
    given = f"{form.get('client_key', '')}\0{form.get('client_secret', '')}"
    expected = f"{developer.client_key}\0{developer.client_secret}"
    known = hmac.compare_digest(given.encode(), expected.encode())
    demand(known, "credentials", "client_key and client_secret are not the app's.")


def _first(tiktok: TikTok, form: Mapping[str, str]) -> dict[str, Any]:
    missing = [name for name in ("code", "redirect_uri") if not form.get(name)]
    demand(not missing, "grant-fields", f"Missing: {', '.join(missing)}.")
    code = tiktok.codes.get(form["code"])
    if code is None:
        raise Refused("code-unknown", "The code was not given out; is it URL-decoded?")
    if code.used:
        tiktok.tokens["code_reuses"] += 1
        raise Refused("code-once", "The code was exchanged already.")
    demand(
        code.grant.alive and tiktok.clock() < code.until, "code-expired", "The code has expired."
    )
    same = form["redirect_uri"] == code.redirect_uri
    demand(same, "redirect-same", "redirect_uri differs from the authorize request's.")
    if code.challenge:
        _verify(code.challenge, form.get("code_verifier", ""))
    code.used = True
    tiktok.tokens["exchanges"] += 1
    return _pair(tiktok, code.grant)


def _verify(challenge: str, verifier: str) -> None:
    well = bool(_VERIFIER.fullmatch(verifier))
    demand(well, "verifier-form", "code_verifier is missing or malformed.")
    demand(
        bool(_CHALLENGE.fullmatch(challenge)),
        "verifier",
        "code_challenge was not 64 lower-case hex digits (base64url is wrong here).",
    )
    digest = hashlib.sha256(verifier.encode()).hexdigest()
    demand(hmac.compare_digest(digest, challenge), "verifier", "It is another verifier.")


def _again(tiktok: TikTok, form: Mapping[str, str]) -> dict[str, Any]:
    value = form.get("refresh_token", "")
    demand(bool(value), "grant-fields", "Missing: refresh_token.")
    token = tiktok.refresh.get(value)
    if token is None:
        raise Refused("refresh-unknown", "The refresh token was not given out.")
    if token.used:
        tiktok.tokens["refresh_reuses"] += 1
        raise Refused("refresh-rotated", "A newer refresh token replaced this one.")
    demand(token.grant.alive, "refresh-revoked", "The person's consent was withdrawn.")
    demand(tiktok.clock() < token.until, "refresh-expired", "The refresh token has expired.")
    token.used = True
    tiktok.tokens["refreshes"] += 1
    return _pair(tiktok, token.grant)


def _pair(tiktok: TikTok, grant: Grant) -> dict[str, Any]:
    developer = tiktok.developer
    access, refresh = f"act.{secrets.token_urlsafe(36)}", f"rft.{secrets.token_urlsafe(36)}"
    tiktok.access[access] = Token(grant, tiktok.after(developer.access_seconds))
    tiktok.refresh[refresh] = Token(grant, tiktok.after(developer.refresh_seconds))
    return {
        "access_token": access,
        "expires_in": int(developer.access_seconds),
        "open_id": tiktok.accounts[grant.username].open_id,
        "refresh_expires_in": int(developer.refresh_seconds),
        "refresh_token": refresh,
        "scope": ",".join(grant.scopes),
        "token_type": "Bearer",
    }
