"""Channels rest: an alert says that a platform takes no more for long."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision = "channels_rest"
down_revision = "tickets"
branch_labels = None
depends_on = None

BEFORE = (
    "failed",
    "needs_review",
    "missed",
    "handed_over",
    "unconfirmed",
    "needs_reauth",
    "unapproved",
    "preflight",
    "test",
)


def upgrade() -> None:
    """Let alerts be of one more kind."""
    _let_kinds_be((*BEFORE, "resting"))


def downgrade() -> None:
    """Forget the alerts of that kind."""
    op.execute(
        "DELETE FROM alert_delivery WHERE alert_id IN (SELECT id FROM alert WHERE kind = 'resting')"
    )
    op.execute("DELETE FROM alert WHERE kind = 'resting'")
    _let_kinds_be(BEFORE)


def _let_kinds_be(kinds: Sequence[str]) -> None:
    rule = f"kind IN ({', '.join(repr(kind) for kind in kinds)})"
    sqlite = op.get_bind().dialect.name == "sqlite"
    if sqlite:  # it makes the table anew, and rows that refer to it must not see it go
        op.execute("CREATE TEMPORARY TABLE kept AS SELECT * FROM alert_delivery")
        op.execute("DELETE FROM alert_delivery")
    with op.batch_alter_table("alert") as batch:
        batch.drop_constraint(op.f("ck_alert_kind"), type_="check")
        batch.create_check_constraint(op.f("ck_alert_kind"), sa.text(rule))
    if sqlite:
        op.execute("INSERT INTO alert_delivery SELECT * FROM kept")
        op.execute("DROP TABLE kept")
