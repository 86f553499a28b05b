"""Tickets: the sealed secrets that go with a platform's handle of a publication."""

from alembic import op

revision = "tickets"
down_revision = "nobody_asks_who_is_busy"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column with its check."""
    op.execute(
        "ALTER TABLE publication ADD COLUMN ticket VARCHAR(4000) "
        "CONSTRAINT ck_publication_ticket_length CHECK (length(ticket) <= 4000)"
    )


def downgrade() -> None:
    """Drop it: what was uploaded in part is uploaded anew."""
    op.execute("ALTER TABLE publication DROP COLUMN ticket")
