"""Pages for people: whether to agree, what went wrong, and what was posted."""

from collections.abc import Mapping
from html import escape

from app.sandbox.tiktok.journal import state_of
from app.sandbox.tiktok.rules import Refused
from app.sandbox.tiktok.state import TikTok

_STYLE = "body{font:16px/1.5 system-ui;max-width:60rem;margin:2rem auto;padding:0 1rem}"
_STYLE += "td,th{text-align:left;padding:.2rem .8rem .2rem 0;vertical-align:top}"
HEADERS = {"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'"}


def _page(title: str, body: str) -> str:
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f"<style>{_STYLE}</style></head><body><h1>{escape(title)}</h1>{body}</body></html>"
    )


def consent(tiktok: TikTok, query: str, scopes: tuple[str, ...]) -> str:
    """Return the page that asks a person for their account and their consent."""
    accounts = "".join(
        f'<option value="{escape(each.username)}">{escape(each.nickname)}'
        f" (@{escape(each.username)}, {'private' if each.private else 'public'})</option>"
        for each in tiktok.accounts.values()
    )
    boxes = "".join(
        f'<div><label><input type="checkbox" name="scope" value="{escape(scope)}" checked> '
        f"{escape(scope)}</label></div>"
        for scope in scopes
    )
    return _page(
        "TikTok sandbox: do you agree?",
        f'<form method="post" action="?{escape(query)}">'
        f'<p><label>Account <select name="account">{accounts}</select></label></p>'
        f"<fieldset><legend>The app may use</legend>{boxes}</fieldset>"
        '<p><button name="decision" value="allow">Allow</button> '
        '<button name="decision" value="deny">Deny</button></p></form>',
    )


def wrong(refused: Refused) -> str:
    """Return the page for a request that sends nobody back."""
    rule = refused.rule
    return _page(
        "Something went wrong",
        f"<p>{escape(refused.why)}</p><p>{escape(rule.asks)} (section {escape(rule.section)}).</p>",
    )


def picture(name: str) -> str:
    """Return a picture for an avatar or a cover: the name's first letter on a disc, as SVG."""
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 100 100"><circle cx="50" cy="50" '
        'r="50" fill="#161823"/><text x="50" y="68" font-size="50" fill="#fff" '
        f'text-anchor="middle">{escape(name[:1].upper())}</text></svg>'
    )


def home(tiktok: TikTok) -> str:
    """Return what was posted, what waits, and what was refused last."""
    state = state_of(tiktok)
    posts = "".join(
        _row(
            f"@{post['username']}",
            post["kind"],
            _words(post["info"]),
            post["info"].get("privacy_level", "chosen in the app"),
            ", ".join(f"{file['bytes']} bytes" for file in post["files"]),
            post["post_id"],
        )
        for post in reversed(state["posts"])
    )
    begun = "".join(
        _row(each["publish_id"], f"@{each['username']}", each["status"], each["fail_reason"])
        for each in reversed(state["publications"])
    )
    refused = "".join(
        _row(each["at"], each["endpoint"], each["section"], each["asks"], each["why"])
        for each in reversed(tiktok.refusals[-20:])
    )
    return _page(
        "TikTok sandbox",
        _table("Posted", ("Account", "Kind", "Caption", "Who sees it", "Files", "Id"), posts)
        + _table("Begun", ("publish_id", "Account", "Status", "Reason"), begun)
        + _table("Refused lately", ("At", "Endpoint", "Section", "Rule", "Why"), refused)
        + '<p>Everything, as JSON: <a href="/_sandbox/state">/_sandbox/state</a></p>',
    )


def _words(info: Mapping[str, object]) -> str:
    return " · ".join(str(info[name]) for name in ("title", "description") if info.get(name))


def _row(*cells: object) -> str:
    return "<tr>" + "".join(f"<td>{escape(str(cell))}</td>" for cell in cells) + "</tr>"


def _table(title: str, names: tuple[str, ...], rows: str) -> str:
    head = "".join(f"<th>{escape(name)}</th>" for name in names)
    body = rows or f'<tr><td colspan="{len(names)}">Nothing.</td></tr>'
    return f"<h2>{escape(title)}</h2><table><tr>{head}</tr>{body}</table>"
