"""What a kept mix remembers: overrides, refusals and types changed after them."""

import sqlalchemy as sa
from alembic import op

from store.types import Instant

revision = "the_mix_is_kept"
down_revision = "around_the_calendar"
branch_labels = None
depends_on = None

INSTANTS = (("publication", "retyped_at"), ("post", "retyped_at"), ("post", "placed_at"))
TEXTS = (("publication", "override", 2000), ("post", "refused_as", 40))
COUNTED = {
    "ix_publication_mix": (
        "workspace_id",
        "day",
        "channel_id",
        "due_at",
        "id",
        "type",
        "pillar_id",
        "holds_seat",
    ),
    "ix_publication_standing": ("channel_id", "day", "due_at", "id", "type", "holds_seat"),
}
UNPLACED = sa.text("placed_at IS NULL")
MARKED = sa.text("exempt IS NOT NULL OR override IS NOT NULL OR retyped_at IS NOT NULL")


def upgrade() -> None:
    """Add the columns with their checks, and what admission and compliance read."""
    for table, column, length in TEXTS:
        # A column's own check needs no new table on SQLite, whose rows others refer to.
        op.execute(
            f"ALTER TABLE {table} ADD COLUMN {column} VARCHAR({length}) "
            f"CONSTRAINT ck_{table}_{column}_length CHECK (length({column}) <= {length})"
        )
    for table, column in INSTANTS:
        op.add_column(table, sa.Column(column, Instant(), nullable=True))
    op.execute(
        "UPDATE post SET placed_at = (SELECT min(created_at) FROM publication"
        " WHERE publication.post_id = post.id AND publication.status <> 'cancelled')"
    )
    # SQLite takes a partial index only for the very words of a query.
    op.drop_index("ix_publication_mix", "publication")
    for name, columns in COUNTED.items():
        op.create_index(
            name,
            "publication",
            list(columns),
            sqlite_where=sa.text("holds_seat = 1"),
            postgresql_where=sa.text("holds_seat"),
        )
    op.create_index(
        "ix_post_waiting",
        "post",
        ["workspace_id", "type", "status"],
        sqlite_where=UNPLACED,
        postgresql_where=UNPLACED,
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
    op.drop_index("ix_post_waiting", "post")
    for name in COUNTED:
        op.drop_index(name, "publication")
    op.create_index(
        "ix_publication_mix",
        "publication",
        list(COUNTED["ix_publication_mix"][:-1]),
        sqlite_where=sa.text("holds_seat"),
        postgresql_where=sa.text("holds_seat"),
    )
    for table, column in INSTANTS:
        op.drop_column(table, column)
    for table, column, _ in TEXTS:
        op.execute(f"ALTER TABLE {table} DROP COLUMN {column}")
