"""What a kept mix remembers: overrides, refusals and types changed after them."""

import sqlalchemy as sa
from alembic import op

from store.types import Instant

revision = "the_mix_is_kept"
down_revision = "around_the_calendar"
branch_labels = None
depends_on = None

TEXTS = (("publication", "override", 2000), ("post", "refused_as", 40))
SEATS = sa.text("holds_seat")
MARKED = sa.text("exempt IS NOT NULL OR override IS NOT NULL OR retyped_at IS NOT NULL")


def upgrade() -> None:
    """Add the columns with their checks, and what admission and compliance read."""
    for table, column, length in TEXTS:
        # A column's own check needs no new table on SQLite, whose rows others refer to.
        op.execute(
            f"ALTER TABLE {table} ADD COLUMN {column} VARCHAR({length}) "
            f"CONSTRAINT ck_{table}_{column}_length CHECK (length({column}) <= {length})"
        )
    for table in ("publication", "post"):
        op.add_column(table, sa.Column("retyped_at", Instant(), nullable=True))
    op.create_index(
        "ix_publication_standing",
        "publication",
        ["channel_id", "day", "due_at", "id", "type"],
        sqlite_where=SEATS,
        postgresql_where=SEATS,
    )
    op.create_index(
        "ix_publication_marked",
        "publication",
        ["workspace_id", "day", "channel_id"],
        sqlite_where=MARKED,
        postgresql_where=MARKED,
    )


def downgrade() -> None:
    """Take all of it away again."""
    op.drop_index("ix_publication_marked", "publication")
    op.drop_index("ix_publication_standing", "publication")
    for table in ("publication", "post"):
        op.drop_column(table, "retyped_at")
    for table, column, _ in TEXTS:
        op.execute(f"ALTER TABLE {table} DROP COLUMN {column}")
