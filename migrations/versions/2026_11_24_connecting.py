"""Connecting an account: people who are on the way to a platform and back."""

import sqlalchemy as sa
from alembic import op

from store.types import Instant

revision = "connecting"
down_revision = "whose_digest"
branch_labels = None
depends_on = None

TEXTS = {
    "actor": 64,
    "ticket_digest": 64,
    "state_digest": 64,
    "browser_digest": 64,
    "sealed_verifier": 255,
}


def upgrade() -> None:
    """Add the table; what is in it lives for minutes."""
    op.create_table(
        "oauth_authorization",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("updated_at", Instant(), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("channel_id", sa.Uuid(), nullable=False),
        sa.Column("session_id", sa.Uuid(), nullable=True),
        *(
            sa.Column(
                name, sa.String(length=length), nullable=name not in {"actor", "ticket_digest"}
            )
            for name, length in TEXTS.items()
        ),
        sa.Column("expires_at", Instant(), nullable=False),
        *(
            sa.CheckConstraint(
                f"length({name}) <= {length}", name=op.f(f"ck_oauth_authorization_{name}_length")
            )
            for name, length in TEXTS.items()
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id", "channel_id"],
            ["channel.workspace_id", "channel.id"],
            name=op.f("fk_oauth_authorization_workspace_id_channel_id"),
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspace.id"], name=op.f("fk_oauth_authorization_workspace_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_oauth_authorization")),
        *(
            sa.UniqueConstraint(name, name=op.f(f"uq_oauth_authorization_{name}"))
            for name in ("ticket_digest", "state_digest")
        ),
        sa.UniqueConstraint(
            "workspace_id", "id", name=op.f("uq_oauth_authorization_workspace_id_id")
        ),
    )


def downgrade() -> None:
    """Take the table away: whoever is on the way begins again."""
    op.drop_table("oauth_authorization")
