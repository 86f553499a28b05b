"""Posts as they are written and answered."""

from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import Field

from app.fields import Answer, Body, Line, Moment, Text
from app.options import Options, OptionsOut
from app.schemas.mix import MixAnswer, Override
from planner.content import Content
from planner.posts import PostStatus
from store.judging import Judge
from store.tables import Post

Format = Literal["post", "carousel", "thread", "story", "reel"]
TypeKey = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{1,39}$", examples=["informative"])]
Title = Annotated[Line, Field(max_length=200, examples=["Naskah kuno kini terbaca di gawai"])]
ExternalId = Annotated[Line, Field(max_length=120, description="Your own id for it.")]


class MediaUse(Body):
    """A file that a part shows."""

    id: UUID
    alt: Annotated[Text, Field(max_length=2000, description="What it shows, in words.")] = ""


class PartBody(Body):
    """A caption with its media; a thread has several."""

    text: Annotated[Text, Field(max_length=100_000)] = ""
    media: Annotated[list[MediaUse], Field(max_length=50)] = []


class Variant(Body):
    """What one channel gets instead: other parts, and the platform's own options."""

    parts: Annotated[list[PartBody], Field(min_length=1, max_length=50)] | None = None
    options: Options | None = None


class Assignee(Body):
    """Somebody who has something to do for a post."""

    member: UUID
    task: Annotated[Text, Field(max_length=200)] = ""


Parts = Annotated[list[PartBody], Field(min_length=1, max_length=50)]
Variants = Annotated[dict[UUID, Variant], Field(max_length=50, description="By the channel's id.")]
Assignees = Annotated[list[Assignee], Field(max_length=20)]

COLUMNS = {"external_id", "owner", "assignees", "status"}
BESIDE = COLUMNS | {"allow_duplicate", "override"}
WHOLE: Any = {"parts": True, "variants": {"__all__": {"parts"}}}
"""What is kept with its defaults; of options only what was chosen is."""


class _Written(Body):
    def words(self) -> dict[str, Any]:
        """Return what the post says, as JSON values; only what was sent."""
        given = self.model_dump(mode="json", exclude=BESIDE, exclude_unset=True)
        whole = self.model_dump(mode="json", include=WHOLE)
        if "parts" in given:
            given["parts"] = whole["parts"]
        for channel, variant in given.get("variants", {}).items():
            variant["parts"] = whole["variants"][channel]["parts"]
        return given

    def columns(self) -> dict[str, Any]:
        """Return what is about the post and not in it; only what was sent."""
        given = self.model_dump(include=COLUMNS, exclude_unset=True)
        if "owner" in given:
            given["owner_id"] = given.pop("owner")
        if "assignees" in given:
            given["assignees"] = [
                {"member": str(each["member"]), "task": each["task"]} for each in given["assignees"]
            ]
        return given


class PostIn(_Written):
    """One piece of content."""

    title: Title
    type: TypeKey
    pillar: UUID | None = None
    campaign: UUID | None = None
    format: Format = "post"
    parts: Parts
    variants: Variants = {}
    owner: UUID | None = None
    assignees: Assignees = []
    external_id: ExternalId | None = None
    status: Literal["idea", "draft"] = "draft"


class PostChange(_Written):
    """What to change; fields that are left out stay. Variants are replaced as a whole."""

    title: Annotated[Title, Field(default_factory=str)]
    type: Annotated[TypeKey, Field(default_factory=str)]
    pillar: UUID | None = None
    campaign: UUID | None = None
    format: Format = "post"
    parts: Annotated[Parts, Field(default_factory=list)]
    variants: Variants = {}
    owner: UUID | None = None
    assignees: Assignees = []
    external_id: ExternalId | None = None
    status: Literal["idea", "draft"] = "draft"
    allow_duplicate: Annotated[
        Annotated[Text, Field(min_length=1, max_length=2000)] | None,
        Field(description="Why a channel may get the same twice within two weeks."),
    ] = None
    override: Override = None


class MediaUsed(Answer):
    """A file that a part shows."""

    id: UUID
    sha256: str
    alt: str


class PartOut(Answer):
    """A caption with its media."""

    text: str
    media: list[MediaUsed]


class VariantOut(Answer):
    """What one channel gets instead."""

    parts: list[PartOut] | None = None
    options: OptionsOut


class PostOut(Answer):
    """A post."""

    id: UUID
    title: str
    type: str
    pillar: UUID | None
    campaign: UUID | None
    format: Format
    status: PostStatus
    hashtags: list[str]
    parts: list[PartOut]
    variants: dict[UUID, VariantOut]
    owner: UUID | None
    assignees: list[dict[str, str]]
    external_id: str | None
    content_version: int
    approved_version: int | None
    rejection: str | None
    second_approval_due: bool
    created_at: Moment
    updated_at: Moment
    version: int

    @classmethod
    def of(cls, post: Post, content: Content) -> Self:
        """Return a post with what its current version says."""
        return cls(
            id=post.id,
            status=PostStatus(post.status),
            owner=post.owner_id,
            assignees=post.assignees,
            external_id=post.external_id,
            content_version=post.current,
            approved_version=post.approved,
            rejection=post.rejection,
            second_approval_due=post.second_approval_due,
            created_at=post.created_at,
            updated_at=post.updated_at,
            version=post.version,
            **content,
        )


class PostChanged(PostOut):
    """A post after a change, and the mix that the change leads to where it stands."""

    mix: MixAnswer

    @classmethod
    def with_mix(cls, post: Post, content: Content, judge: Judge) -> Self:
        """Return a post and what the judge found as they are answered."""
        known = PostOut.of(post, content).model_dump()
        return cls(**known, mix=MixAnswer.of(judge.judgement))


class PostPage(Answer):
    """Some posts, and where the next page begins."""

    items: list[PostOut]
    next: str | None
