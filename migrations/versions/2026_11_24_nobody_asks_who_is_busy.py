"""Channels no longer note that they are busy: the publications that are being sent say so."""

import sqlalchemy as sa
from alembic import op

from store.types import Instant

revision = "nobody_asks_who_is_busy"
down_revision = "procrastinate"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Drop a column that was written and never read."""
    op.drop_column("channel", "busy_until")


def downgrade() -> None:
    """Add the column again, empty."""
    op.add_column("channel", sa.Column("busy_until", Instant(), nullable=True))
