"""The public feeds of a channel: Atom, JSON Feed, and the page of one entry, as bytes."""

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape
from typing import Any
from uuid import UUID
from xml.etree.ElementTree import Element, SubElement, tostring

ATOM = "http://www.w3.org/2005/Atom"
JSON_FEED = "https://jsonfeed.org/version/1.1"

# What XML 1.0 cannot hold (section 2.2), and the control characters that it advises against.
_NO_TEXT = re.compile(
    "[^\t\n\r\x20-\x7e\xa0-\ud7ff\ue000-\ufdcf\ufdf0-\ufffd\U00010000-\U0010ffff]"
)
_PARAGRAPH = re.compile(r"\n[ \t]*\n\s*")


@dataclass(frozen=True, slots=True)
class FeedMedia:
    """A published file; `bytes` is its size."""

    url: str
    mime: str
    bytes: int
    alt: str
    duration_ms: int | None = None


@dataclass(frozen=True, slots=True)
class FeedEntry:
    """A published post as it was sent.

    `tag` is a tag URI (RFC 4151); blank lines part the paragraphs of `text`; `tags` may carry
    their `#`; without an `author` it is the feed's.
    """

    id: UUID
    tag: str
    title: str
    text: str
    published_at: datetime
    updated_at: datetime
    permalink: str
    media: tuple[FeedMedia, ...] = ()
    tags: tuple[str, ...] = ()
    author: str | None = None


@dataclass(frozen=True, slots=True)
class FeedHead:
    """What a feed says of itself; `language` is a BCP 47 tag.

    `updated_at` is its last change apart from its entries' own: when it began, or when one left.
    """

    title: str
    subtitle: str
    atom_url: str
    json_url: str
    home_url: str
    tag: str
    updated_at: datetime
    language: str
    author: str


def atom(head: FeedHead, entries: Sequence[FeedEntry]) -> bytes:
    """Return the feed as Atom 1.0 (RFC 4287), entries in the order given."""
    feed = Element("feed", {"xmlns": ATOM, "xml:lang": head.language})
    _say(feed, "id", head.tag)
    _say(feed, "title", head.title)
    _say(feed, "subtitle", head.subtitle)
    _say(feed, "updated", _instant(_changed(head, entries)))
    _author(feed, head.author)
    _link(feed, "self", head.atom_url, "application/atom+xml")
    _link(feed, "alternate", head.home_url, "text/html")
    _link(feed, "alternate", head.json_url, "application/feed+json")
    for entry in entries:
        _atom_entry(SubElement(feed, "entry"), entry)
    document: bytes = tostring(feed, encoding="utf-8", xml_declaration=True)
    return document


def _changed(head: FeedHead, entries: Iterable[FeedEntry]) -> datetime:
    return max([head.updated_at, *(entry.updated_at for entry in entries)])


def _atom_entry(element: Element, entry: FeedEntry) -> None:
    _say(element, "id", entry.tag)
    _say(element, "title", entry.title)
    _say(element, "published", _instant(entry.published_at))
    _say(element, "updated", _instant(entry.updated_at))
    if entry.author:
        _author(element, entry.author)
    _link(element, "alternate", entry.permalink, "text/html")
    for file in entry.media:
        link = _link(element, "enclosure", file.url, file.mime)
        link.set("length", str(file.bytes))
        if file.alt:
            link.set("title", _text(file.alt))
    for tag in entry.tags:
        SubElement(element, "category", {"term": _tag(tag)})
    content = _say(element, "content", _content_html(entry))
    content.set("type", "html")


def _say(parent: Element, name: str, text: str) -> Element:
    element = SubElement(parent, name)
    element.text = _text(text)
    return element


def _author(parent: Element, name: str) -> None:
    _say(SubElement(parent, "author"), "name", name)


def _link(parent: Element, rel: str, url: str, mime: str) -> Element:
    return SubElement(parent, "link", {"rel": rel, "href": _text(url), "type": mime})


def json_feed(head: FeedHead, entries: Sequence[FeedEntry]) -> bytes:
    """Return the feed as JSON Feed 1.1, entries in the order given."""
    feed = {
        "version": JSON_FEED,
        "title": _text(head.title),
        "home_page_url": head.home_url,
        "feed_url": head.json_url,
        "description": _text(head.subtitle),
        "language": head.language,
        "authors": [{"name": _text(head.author)}],
        "items": [_json_item(entry) for entry in entries],
    }
    return json.dumps(feed, ensure_ascii=False, separators=(",", ":")).encode()


def _json_item(entry: FeedEntry) -> dict[str, Any]:
    item: dict[str, Any] = {
        "id": entry.tag,
        "url": entry.permalink,
        "title": _text(entry.title),
        "content_text": _text(entry.text),
        "content_html": _content_html(entry),
        "date_published": _instant(entry.published_at),
        "date_modified": _instant(entry.updated_at),
    }
    if entry.author:
        item["authors"] = [{"name": _text(entry.author)}]
    if entry.tags:
        item["tags"] = [_tag(tag) for tag in entry.tags]
    if entry.media:
        item["attachments"] = [_attachment(file) for file in entry.media]
    return item


def _attachment(file: FeedMedia) -> dict[str, Any]:
    attachment: dict[str, Any] = {
        "url": file.url,
        "mime_type": file.mime,
        "size_in_bytes": file.bytes,
    }
    if file.alt:
        attachment["title"] = _text(file.alt)
    if file.duration_ms is not None:
        attachment["duration_in_seconds"] = file.duration_ms / 1000
    return attachment


PAGE_STYLE = (
    ":root{color-scheme:light dark}"
    "body{max-width:42rem;margin:2rem auto;padding:0 1rem;"
    "font:1.0625rem/1.6 system-ui,sans-serif;overflow-wrap:anywhere}"
    "h1{line-height:1.2}img,video{max-width:100%;height:auto}"
    "ul{display:flex;flex-wrap:wrap;gap:.75rem;padding:0;list-style:none}"
)
"""The style of an entry's page; a policy that allows it names its hash."""


def entry_html(entry: FeedEntry, head: FeedHead) -> bytes:
    """Return the public page of one entry: HTML 5 without scripts, styled by `PAGE_STYLE`."""
    title, home, author = _html(entry.title), _html(head.title), _html(entry.author or head.author)
    tags = "".join(f"<li>{_html(_tag(tag))}</li>\n" for tag in entry.tags)
    at, minute = (
        _instant(entry.published_at),
        f"{entry.published_at.astimezone(UTC):%Y-%m-%d %H:%M}",
    )
    lines = [
        "<!doctype html>",
        f'<html lang="{_html(head.language)}">',
        '<meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width">',
        f"<title>{title} · {home}</title>",
        f"<style>{PAGE_STYLE}</style>",
        f'<link rel="canonical" href="{_html(entry.permalink)}">',
        f'<link rel="alternate" type="application/atom+xml" href="{_html(head.atom_url)}">',
        f'<link rel="alternate" type="application/feed+json" href="{_html(head.json_url)}">',
        f'<nav><a href="{_html(head.atom_url)}">{home}</a></nav>',
        f'<article id="{entry.id}">',
        f"<h1>{title}</h1>",
        f'<p>{author} · <time datetime="{at}">{minute} UTC</time></p>',
        _content_html(entry),
        f"<ul>\n{tags}</ul>" if tags else "",
        "</article>",
        "</html>",
    ]
    return "\n".join(line for line in lines if line).encode() + b"\n"


def _content_html(entry: FeedEntry) -> str:
    paragraphs = _PARAGRAPH.split(_text(entry.text).strip())
    blocks = [_html(text).replace("\n", "<br>\n") for text in paragraphs if text]
    blocks += [_figure(file) for file in entry.media]
    return "\n".join(f"<p>{block}</p>" for block in blocks)


def _figure(file: FeedMedia) -> str:
    url, alt = _html(file.url), _html(file.alt)
    if file.mime.startswith("image/"):
        return f'<img src="{url}" alt="{alt}">'
    if file.mime.startswith("video/"):
        return f'<video src="{url}" controls title="{alt}"></video>'
    return f'<a href="{url}">{alt or _html(file.mime)}</a>'


def _html(text: str) -> str:
    return escape(_text(text))


def _tag(tag: str) -> str:
    return _text(tag).removeprefix("#")


def _text(text: str) -> str:
    return _NO_TEXT.sub("", text).replace("\r\n", "\n").replace("\r", "\n")


def _instant(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
