"""What an office needs around the calendar: secret links, and what tells duplicates apart."""

import sqlalchemy as sa
from alembic import op

from store.types import Instant

revision = "around_the_calendar"
down_revision = "append_only"
branch_labels = None
depends_on = None

TEXTS = (
    ("idempotency_key", "etag", 80),
    ("publication", "said", 64),
    ("publication", "said_again", 2000),
)


def upgrade() -> None:
    """Add the columns with their checks, and the table of links."""
    op.add_column("workspace", sa.Column("passage_at", Instant(), nullable=True))
    for table, column, length in TEXTS:
        # A column's own check needs no new table on SQLite, whose rows others refer to.
        op.execute(
            f"ALTER TABLE {table} ADD COLUMN {column} VARCHAR({length}) "
            f"CONSTRAINT ck_{table}_{column}_length CHECK (length({column}) <= {length})"
        )
    op.create_index("ix_publication_channel_id_said", "publication", ["channel_id", "said"])
    op.create_table(
        "calendar_link",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("updated_at", Instant(), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("channel_id", sa.Uuid(), nullable=True),
        sa.Column("token_digest", sa.String(length=64), nullable=False),
        sa.Column("created_by", sa.String(length=64), nullable=False),
        sa.Column("revoked_at", Instant(), nullable=True),
        sa.Column("last_used_at", Instant(), nullable=True),
        *(
            sa.CheckConstraint(
                f"length({column}) <= {length}", name=op.f(f"ck_calendar_link_{column}_length")
            )
            for column, length in (("name", 80), ("token_digest", 64), ("created_by", 64))
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id", "channel_id"],
            ["channel.workspace_id", "channel.id"],
            name=op.f("fk_calendar_link_workspace_id_channel_id"),
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspace.id"], name=op.f("fk_calendar_link_workspace_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_calendar_link")),
        sa.UniqueConstraint("token_digest", name=op.f("uq_calendar_link_token_digest")),
        sa.UniqueConstraint("workspace_id", "id", name=op.f("uq_calendar_link_workspace_id_id")),
    )


def downgrade() -> None:
    """Take all of it away again."""
    op.drop_table("calendar_link")
    op.drop_index("ix_publication_channel_id_said", "publication")
    for table, column, _ in TEXTS:
        op.execute(f"ALTER TABLE {table} DROP COLUMN {column}")
    op.drop_column("workspace", "passage_at")
