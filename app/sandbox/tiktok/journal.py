"""Everything that happened, without a token in it (`/_sandbox/state`)."""

import dataclasses
import json
from typing import Any

from app.sandbox.tiktok import statuses
from app.sandbox.tiktok.publications import Publication
from app.sandbox.tiktok.state import Hook, TikTok

TOKENS = ("codes", "exchanges", "code_reuses", "refreshes", "refresh_reuses", "revocations")


def state_of(tiktok: TikTok) -> dict[str, Any]:
    """Return the whole state as JSON values; ids of posts are strings here."""
    statuses.settle(tiktok)
    developer = dataclasses.asdict(tiktok.developer)
    del developer["client_secret"]
    publications = [_publication(tiktok, each) for each in tiktok.publications.values()]
    return {
        "now": tiktok.clock().isoformat(),
        "developer": developer,
        "accounts": [dataclasses.asdict(each) for each in tiktok.accounts.values()],
        "posts": posts_of(tiktok),
        "pending": [each["publish_id"] for each in publications if each["pending"]],
        "publications": publications,
        "refusals": tiktok.refusals,
        "requests": dict(tiktok.requests),
        "tokens": {name: tiktok.tokens[name] for name in TOKENS},
        "pulled": tiktok.pulled,
        "webhooks": [_hook(each) for each in tiktok.hooks],
        "mischief": [dataclasses.asdict(each) for each in tiktok.mischief.tricks],
    }


def posts_of(tiktok: TikTok) -> list[dict[str, Any]]:
    """Return every post that was made, the oldest first, with what it is made of."""
    made = []
    for publication in tiktok.publications.values():
        public = statuses.public_ids(tiktok, publication)
        made += [
            {
                "post_id": str(post.post_id),
                "publish_id": publication.publish_id,
                "username": publication.username,
                "mode": publication.mode,
                "kind": publication.kind,
                "posted_at": post.posted_at.isoformat(),
                "public": post.post_id in public,
                "info": publication.info,
                "files": [dataclasses.asdict(file) for file in publication.files],
            }
            for post in publication.posts
        ]
    return sorted(made, key=lambda post: post["post_id"])


def _publication(tiktok: TikTok, each: Publication) -> dict[str, Any]:
    return {
        "publish_id": each.publish_id,
        "username": each.username,
        "mode": each.mode,
        "kind": each.kind,
        "status": each.status,
        "fail_reason": each.fail_reason,
        "begun_at": each.begun_at.isoformat(),
        "committed_at": each.committed_at.isoformat() if each.committed_at else None,
        "uploaded_bytes": each.upload.received if each.upload else None,
        "uploaded_chunks": each.upload.chunks if each.upload else None,
        "urls": each.urls,
        "files": [dataclasses.asdict(file) for file in each.files],
        "post_ids": [str(post.post_id) for post in each.posts],
        "public_post_ids": [str(post_id) for post_id in statuses.public_ids(tiktok, each)],
        "pending": each.pending,
        "info": each.info,
    }


def _hook(hook: Hook) -> dict[str, Any]:
    return {
        "event": hook.event,
        "body": json.loads(hook.body),
        "attempts": hook.attempts,
        "answers": hook.answers,
        "due_at": hook.due_at.isoformat() if hook.due_at else None,
    }
