"""Pulls: links that a platform fetches files by, and handles that came back from a backup."""

import sqlalchemy as sa
from alembic import op

from store.types import Instant

revision = "pulls"
down_revision = "connecting"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table and the column; what there is has been fetched by nobody."""
    op.add_column(
        "publication",
        sa.Column("restored", sa.Boolean(), nullable=False, server_default=sa.false()),
    )
    op.create_table(
        "pull",
        sa.Column("publication_id", sa.Uuid(), nullable=False),
        sa.Column("handle", sa.String(length=60), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("fetched_at", Instant(), nullable=True),
        sa.Column("revoked_at", Instant(), nullable=True),
        sa.CheckConstraint("length(handle) <= 60", name=op.f("ck_pull_handle_length")),
        sa.ForeignKeyConstraint(
            ["workspace_id", "publication_id"],
            ["publication.workspace_id", "publication.id"],
            name=op.f("fk_pull_workspace_id_publication_id"),
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspace.id"], name=op.f("fk_pull_workspace_id")
        ),
        sa.PrimaryKeyConstraint("publication_id", "handle", name=op.f("pk_pull")),
    )


def downgrade() -> None:
    """Take both away: no link leads anywhere then."""
    op.drop_table("pull")
    op.drop_column("publication", "restored")
