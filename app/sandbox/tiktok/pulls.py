"""Pulling media: which URLs may be named, and fetching them as the platform does (2.3.5)."""

import hashlib
from dataclasses import replace
from ipaddress import ip_address
from urllib.parse import urlsplit

from app.sandbox.tiktok.publications import DOWNLOADING, FAILED, File, Publication
from app.sandbox.tiktok.rules import Refused, demand
from app.sandbox.tiktok.state import Fetch, Fetched, TikTok

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
IMAGE_MAX_BYTES = 20_000_000


def check_url(tiktok: TikTok, url: str) -> None:
    """Raise `Refused` unless the platform may pull a URL: https, a domain, verified."""
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").rstrip(".")
        parts.port  # noqa: B018, it is read to be checked
    except ValueError:
        raise Refused("url-https", f"Not a URL: {url}.") from None
    owned = _is_owned(tiktok, url, host)
    if tiktok.developer.allow_loopback and owned and host in LOOPBACK:
        return
    demand(parts.scheme == "https" and bool(host), "url-https", f"Not https: {url}.")
    demand(not _is_address(host), "url-domain", f"{host} is an address, not a domain.")
    demand(owned, "url-owned", f"No verified domain or prefix covers {url}.")


def _is_owned(tiktok: TikTok, url: str, host: str) -> bool:
    domains = tiktok.developer.url_domains
    if any(host == domain or host.endswith(f".{domain}") for domain in domains):
        return True
    path = url.partition("?")[0]
    return any(path.startswith(prefix) for prefix in tiktok.developer.url_prefixes)


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return host.replace(".", "").isdigit() or "." not in host
    return True


async def pull_due(tiktok: TikTok, fetch: Fetch) -> None:
    """Fetch everything that a pull was begun for and that is not here yet."""
    waiting = [
        each
        for each in tiktok.publications.values()
        if each.status == DOWNLOADING and each.arrived_at is None and not each.fate.never_pulled
    ]
    for publication in waiting:
        await _pull(tiktok, publication, fetch)


async def _pull(tiktok: TikTok, publication: Publication, fetch: Fetch) -> None:
    files: list[File] = []
    for url in publication.urls:
        fetched = await fetch(url)
        file = File(len(fetched.body), hashlib.sha256(fetched.body).hexdigest(), url, fetched.mime)
        tiktok.pulled.append(
            {
                "url": url,
                "publish_id": publication.publish_id,
                "status": fetched.status,
                "bytes": file.bytes,
                "sha256": file.sha256,
                "at": tiktok.clock().isoformat(),
            }
        )
        reason = _fault(publication, fetched)
        if publication.status == FAILED:  # cancelled meanwhile
            return
        if reason:
            publication.fate = replace(publication.fate, fail_reason=reason)
            break
        files.append(file)
    publication.files = files
    publication.arrived_at = tiktok.clock()


def _fault(publication: Publication, fetched: Fetched) -> str:
    photo = publication.kind == "photo"
    if fetched.status != 200 or not fetched.body:  # a redirect is one of these
        return "photo_pull_failed" if photo else "video_pull_failed"
    if photo and len(fetched.body) > IMAGE_MAX_BYTES:
        return "picture_size_check_failed"
    fine = _is_jpeg_or_webp(fetched.body) if photo else True
    return "" if fine else "file_format_check_failed"


def _is_jpeg_or_webp(body: bytes) -> bool:
    return body.startswith(b"\xff\xd8\xff") or (body[:4] == b"RIFF" and body[8:12] == b"WEBP")
