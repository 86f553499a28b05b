"""The feeds: whole entries as readers see them, and any text unharmed."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from html.parser import HTMLParser
from typing import Any
from uuid import UUID
from xml.etree import ElementTree as ET

import feedparser
from hypothesis import example, given
from hypothesis import strategies as st

from planner.feeds import (
    PAGE_STYLE,
    FeedEntry,
    FeedHead,
    FeedMedia,
    atom,
    entry_html,
    json_feed,
)

BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
HEAD = FeedHead(
    title="Situs kantor",
    subtitle="Apa yang kami terbitkan",
    atom_url="https://pilar.example/feeds/humas/situs.atom",
    json_url="https://pilar.example/feeds/humas/situs.json",
    home_url="https://pilar.example/feeds/humas/situs",
    tag="tag:pilar.example,2026-01-01:situs",
    updated_at=BEGAN,
    language="id",
    author="Biro Humas",
)
ENTRY = FeedEntry(
    id=UUID("01900000-0000-7000-8000-000000000001"),
    tag="tag:pilar.example,2026-03-02:01900000-0000-7000-8000-000000000001",
    title='Kuis <sejarah> & "tokoh"',
    text="Siapa & kapan?\nBaris dua.\n\n<b>Besok</b> jawabannya.",
    published_at=datetime(2026, 3, 2, 8, 0, tzinfo=timezone(timedelta(hours=7))),
    updated_at=datetime(2026, 3, 2, 1, 0, 5, tzinfo=UTC),
    permalink="https://pilar.example/feeds/humas/situs/1?a=1&b=2",
    media=(
        FeedMedia("https://pilar.example/m/1.jpg?a=1&b=2", "image/jpeg", 1234, 'Naskah "asli"'),
        FeedMedia("https://pilar.example/m/2.mp4", "video/mp4", 5678, "", 1500),
        FeedMedia("https://pilar.example/m/3.pdf", "application/pdf", 9, ""),
    ),
    tags=("#sejarah", "tokoh"),
    author="Rini",
)
PLAIN = FeedEntry(
    id=UUID("01900000-0000-7000-8000-000000000002"),
    tag="tag:pilar.example,2026-03-01:2",
    title="Tanpa apa-apa",
    text="",
    published_at=datetime(2026, 3, 1, tzinfo=UTC),
    updated_at=datetime(2026, 3, 1, tzinfo=UTC),
    permalink="https://pilar.example/feeds/humas/situs/2",
)
CONTENT = (
    "<p>Siapa &amp; kapan?<br>\nBaris dua.</p>\n"
    "<p>&lt;b&gt;Besok&lt;/b&gt; jawabannya.</p>\n"
    '<p><img src="https://pilar.example/m/1.jpg?a=1&amp;b=2" alt="Naskah &quot;asli&quot;"></p>\n'
    '<p><video src="https://pilar.example/m/2.mp4" controls title=""></video></p>\n'
    '<p><a href="https://pilar.example/m/3.pdf">application/pdf</a></p>'
)


def test_a_reader_sees_the_feed_and_its_last_change() -> None:
    read = feedparser.parse(atom(HEAD, [ENTRY, PLAIN]))

    feed = read.feed
    assert (read.bozo, read.version) == (False, "atom10")
    assert (feed.id, feed.title, feed.subtitle, feed.updated, feed.author, feed.language) == (
        HEAD.tag,
        HEAD.title,
        HEAD.subtitle,
        "2026-03-02T01:00:05Z",
        HEAD.author,
        "id",
    )
    assert [dict(link) for link in feed.links] == [
        {"rel": "self", "href": HEAD.atom_url, "type": "application/atom+xml"},
        {"rel": "alternate", "href": HEAD.home_url, "type": "text/html"},
        {"rel": "alternate", "href": HEAD.json_url, "type": "application/feed+json"},
    ]
    assert [entry.id for entry in read.entries] == [ENTRY.tag, PLAIN.tag]


def test_a_reader_sees_whole_entries() -> None:
    document = atom(HEAD, [ENTRY, PLAIN])

    read = feedparser.parse(document, sanitize_html=False, resolve_relative_uris=False)

    entry, plain = read.entries
    assert _told(entry) == {
        "id": ENTRY.tag,
        "title": ENTRY.title,
        "published": "2026-03-02T01:00:00Z",
        "updated": "2026-03-02T01:00:05Z",
        "author": "Rini",
        "tags": ["sejarah", "tokoh"],
        "content": [("text/html", "id", CONTENT)],
        "links": [
            {"rel": "alternate", "href": ENTRY.permalink, "type": "text/html"},
            {
                "rel": "enclosure",
                "href": "https://pilar.example/m/1.jpg?a=1&b=2",
                "type": "image/jpeg",
                "length": "1234",
                "title": 'Naskah "asli"',
            },
            {
                "rel": "enclosure",
                "href": "https://pilar.example/m/2.mp4",
                "type": "video/mp4",
                "length": "5678",
            },
            {
                "rel": "enclosure",
                "href": "https://pilar.example/m/3.pdf",
                "type": "application/pdf",
                "length": "9",
            },
        ],
    }
    assert _told(plain) == {
        "id": PLAIN.tag,
        "title": PLAIN.title,
        "published": "2026-03-01T00:00:00Z",
        "updated": "2026-03-01T00:00:00Z",
        "author": None,
        "tags": [],
        "content": [("text/html", "id", "")],
        "links": [{"rel": "alternate", "href": PLAIN.permalink, "type": "text/html"}],
    }


def _told(entry: Any) -> dict[str, Any]:
    return {
        "id": entry.id,
        "title": entry.title,
        "published": entry.published,
        "updated": entry.updated,
        "author": entry.get("author"),
        "tags": [tag.term for tag in entry.get("tags", [])],
        "content": [(part.type, part.language, part.value) for part in entry.get("content", [])],
        "links": [dict(link) for link in entry.links],
    }


def test_an_empty_feed_is_a_feed() -> None:
    read = feedparser.parse(atom(HEAD, []))

    assert (read.bozo, read.feed.updated, read.entries) == (False, "2026-01-01T00:00:00Z", [])


def test_a_feed_from_which_something_left_has_changed() -> None:
    left = ENTRY.updated_at + timedelta(days=1)

    read = feedparser.parse(atom(replace(HEAD, updated_at=left), [ENTRY]))

    assert read.feed.updated == "2026-03-03T01:00:05Z"


def test_the_json_feed_says_the_same() -> None:
    assert json.loads(json_feed(HEAD, [ENTRY, PLAIN])) == {
        "version": "https://jsonfeed.org/version/1.1",
        "title": HEAD.title,
        "home_page_url": HEAD.home_url,
        "feed_url": HEAD.json_url,
        "description": HEAD.subtitle,
        "language": "id",
        "authors": [{"name": "Biro Humas"}],
        "items": [
            {
                "id": ENTRY.tag,
                "url": ENTRY.permalink,
                "title": ENTRY.title,
                "content_text": ENTRY.text,
                "content_html": CONTENT,
                "date_published": "2026-03-02T01:00:00Z",
                "date_modified": "2026-03-02T01:00:05Z",
                "authors": [{"name": "Rini"}],
                "tags": ["sejarah", "tokoh"],
                "attachments": [
                    {
                        "url": "https://pilar.example/m/1.jpg?a=1&b=2",
                        "mime_type": "image/jpeg",
                        "size_in_bytes": 1234,
                        "title": 'Naskah "asli"',
                    },
                    {
                        "url": "https://pilar.example/m/2.mp4",
                        "mime_type": "video/mp4",
                        "size_in_bytes": 5678,
                        "duration_in_seconds": 1.5,
                    },
                    {
                        "url": "https://pilar.example/m/3.pdf",
                        "mime_type": "application/pdf",
                        "size_in_bytes": 9,
                    },
                ],
            },
            {
                "id": PLAIN.tag,
                "url": PLAIN.permalink,
                "title": PLAIN.title,
                "content_text": "",
                "content_html": "",
                "date_published": "2026-03-01T00:00:00Z",
                "date_modified": "2026-03-01T00:00:00Z",
            },
        ],
    }


def test_an_entry_has_a_plain_page() -> None:
    assert entry_html(ENTRY, HEAD).decode() == (
        "<!doctype html>\n"
        '<html lang="id">\n'
        '<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width">\n'
        "<title>Kuis &lt;sejarah&gt; &amp; &quot;tokoh&quot; · Situs kantor</title>\n"
        f"<style>{PAGE_STYLE}</style>\n"
        '<link rel="canonical" href="https://pilar.example/feeds/humas/situs/1?a=1&amp;b=2">\n'
        '<link rel="alternate" type="application/atom+xml" href="'
        'https://pilar.example/feeds/humas/situs.atom">\n'
        '<link rel="alternate" type="application/feed+json" href="'
        'https://pilar.example/feeds/humas/situs.json">\n'
        '<nav><a href="https://pilar.example/feeds/humas/situs.atom">Situs kantor</a></nav>\n'
        '<article id="01900000-0000-7000-8000-000000000001">\n'
        "<h1>Kuis &lt;sejarah&gt; &amp; &quot;tokoh&quot;</h1>\n"
        '<p>Rini · <time datetime="2026-03-02T01:00:00Z">2026-03-02 01:00 UTC</time></p>\n'
        f"{CONTENT}\n"
        "<ul>\n<li>sejarah</li>\n<li>tokoh</li>\n</ul>\n"
        "</article>\n"
        "</html>\n"
    )


class Page(HTMLParser):
    """Reads a page as a browser does: its tags, and the text of its paragraphs and heading."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.blocks: list[str] = []
        self.open = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes.update(name for name, _ in attrs)
        if tag in {"p", "h1"}:
            self.blocks.append("")
            self.open = True

    def handle_endtag(self, tag: str) -> None:
        self.open = self.open and tag not in {"p", "h1"}

    def handle_data(self, data: str) -> None:
        if self.open:
            self.blocks[-1] += data


def read_page(html: str) -> Page:
    page = Page()
    page.feed(html)
    page.close()
    return page


def plain(text: str) -> str:
    """Return what of a text can be told in XML, by its definition rather than by our pattern."""
    kept = "".join(letter for letter in text if _may_be_told(ord(letter)))
    return kept.replace("\r\n", "\n").replace("\r", "\n")


def _may_be_told(point: int) -> bool:
    control = point < 0x20 or 0x7F <= point <= 0x9F
    surrogate = 0xD800 <= point <= 0xDFFF
    nothing = 0xFDD0 <= point <= 0xFDEF or point & 0xFFFF in {0xFFFE, 0xFFFF}
    return chr(point) in "\t\n\r" or not (control or surrogate or nothing)


def as_mended(text: str, beside: str = "") -> str:
    """Return what feedparser makes of a text: it takes some Latin-1 for mangled UTF-8."""
    try:
        f"{text} {beside}".encode("latin-1").decode()
        return text.encode("latin-1").decode()
    except UnicodeError:
        return text


anything = st.text(st.characters(codec=None), max_size=60) | st.text(
    st.sampled_from("a <>&\"'#\t\n\r\0\x85\u2028\ud800\ufffe😀]]>"), max_size=30
)


@given(anything, anything, anything)
@example("]]>", "<script>alert(1)</script>", "</p>")
@example("\ud83d", "\x1b[0m", "\U0001ffff")
@example("&amp;lt;", "\x93smart\x94", "<b>")
@example("Â¡", "Ã©", "Â¡")
def test_any_text_survives_a_feed_reader(title: str, text: str, alt: str) -> None:
    media = (FeedMedia("https://pilar.example/m/1", "image/png", 1, alt),)
    entry = replace(PLAIN, title=title, text=text, media=media, tags=(text,), author=title)

    document = atom(replace(HEAD, title=title, subtitle=text), [entry])
    read = feedparser.parse(document)

    assert not read.bozo
    (seen,) = read.entries
    assert seen.title.strip() == as_mended(plain(title)).strip()
    assert read.feed.title == seen.title
    blocks = read_page(seen.content[0].value).blocks
    assert "\n".join(blocks).split() == as_mended(plain(text), plain(alt)).split()
    assert blocks[-1] == ""  # the picture


@given(anything, anything)
def test_any_text_survives_an_xml_and_a_json_reader(title: str, text: str) -> None:
    entry = replace(PLAIN, title=title, text=text, tags=(title,))

    tree = ET.fromstring(atom(HEAD, [entry]))  # noqa: S314
    (item,) = json.loads(json_feed(HEAD, [entry]))["items"]

    name = "{http://www.w3.org/2005/Atom}entry/{http://www.w3.org/2005/Atom}"
    assert (tree.findtext(f"{name}title"), tree.findtext(f"{name}content")) == (
        plain(title),
        item["content_html"],
    )
    assert (item["title"], item["content_text"]) == (plain(title), plain(text))
    assert item["tags"] == [plain(title).removeprefix("#")]


@given(anything, anything, anything)
def test_no_text_adds_a_tag_to_the_page(title: str, text: str, alt: str) -> None:
    media = (FeedMedia(f"https://pilar.example/{alt}", "image/png", 1, alt),)
    entry = replace(PLAIN, title=title, text=text, media=media, tags=(alt,), author=title)

    page = read_page(entry_html(entry, replace(HEAD, title=text, language=alt)).decode())

    assert page.tags <= {
        *("html", "meta", "title", "link", "nav", "a", "article", "h1", "p", "br"),
        *("time", "img", "ul", "li", "style"),
    }
    assert page.attributes <= {
        *("lang", "charset", "name", "content", "rel", "href", "type", "id", "datetime"),
        *("src", "alt"),
    }
    assert page.blocks[0] == plain(title)
