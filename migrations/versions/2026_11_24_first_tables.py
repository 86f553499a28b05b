"""The first tables."""

import sqlalchemy as sa
from alembic import op

from store.types import Instant

revision = "first_tables"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "idempotency_key",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("scope", sa.String(length=64), nullable=False),
        sa.Column("key", sa.String(length=255), nullable=False),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("location", sa.String(length=500), nullable=True),
        sa.Column("body", sa.String(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.CheckConstraint(
            "length(fingerprint) <= 64", name=op.f("ck_idempotency_key_fingerprint_length")
        ),
        sa.CheckConstraint("length(key) <= 255", name=op.f("ck_idempotency_key_key_length")),
        sa.CheckConstraint(
            "length(location) <= 500", name=op.f("ck_idempotency_key_location_length")
        ),
        sa.CheckConstraint("length(scope) <= 64", name=op.f("ck_idempotency_key_scope_length")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_idempotency_key")),
        sa.UniqueConstraint("scope", "key", name=op.f("uq_idempotency_key_scope_key")),
    )
    with op.batch_alter_table("idempotency_key", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_idempotency_key_created_at"), ["created_at"], unique=False
        )

    op.create_table(
        "instance",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("updated_at", Instant(), nullable=False),
        sa.Column("sealed_check", sa.String(length=200), nullable=False),
        sa.Column("clock_at", Instant(), nullable=True),
        sa.CheckConstraint(
            "length(sealed_check) <= 200", name=op.f("ck_instance_sealed_check_length")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_instance")),
    )
    op.create_table(
        "person",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("updated_at", Instant(), nullable=False),
        sa.Column("email", sa.String(length=254), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("locale", sa.String(length=2), nullable=False),
        sa.Column("password_hash", sa.String(length=255), nullable=True),
        sa.CheckConstraint("length(email) <= 254", name=op.f("ck_person_email_length")),
        sa.CheckConstraint("length(locale) <= 2", name=op.f("ck_person_locale_length")),
        sa.CheckConstraint("length(name) <= 120", name=op.f("ck_person_name_length")),
        sa.CheckConstraint(
            "length(password_hash) <= 255", name=op.f("ck_person_password_hash_length")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_person")),
        sa.UniqueConstraint("email", name=op.f("uq_person_email")),
    )
    op.create_table(
        "workspace",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("updated_at", Instant(), nullable=False),
        sa.Column("slug", sa.String(length=40), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("timezone", sa.String(length=64), nullable=False),
        sa.Column("locale", sa.String(length=2), nullable=False),
        sa.Column("week_start", sa.Integer(), nullable=False),
        sa.Column("country", sa.String(length=2), nullable=True),
        sa.Column("approval_policy", sa.String(length=4), nullable=False),
        sa.Column("keys_may_approve", sa.Boolean(), nullable=False),
        sa.Column("count_stories", sa.Boolean(), nullable=False),
        sa.Column("missed_policy", sa.String(length=9), nullable=False),
        sa.Column("change_seq", sa.Integer(), nullable=False),
        sa.Column("audit_seq", sa.Integer(), nullable=False),
        sa.Column("audit_hash", sa.String(length=64), nullable=False),
        sa.CheckConstraint(
            "approval_policy IN ('none', 'one', 'two')", name=op.f("ck_workspace_approval_policy")
        ),
        sa.CheckConstraint("locale IN ('en', 'id')", name=op.f("ck_workspace_locale")),
        sa.CheckConstraint(
            "missed_policy IN ('send_late', 'skip', 'ask')", name=op.f("ck_workspace_missed_policy")
        ),
        sa.CheckConstraint(
            "length(approval_policy) <= 4", name=op.f("ck_workspace_approval_policy_length")
        ),
        sa.CheckConstraint("length(audit_hash) <= 64", name=op.f("ck_workspace_audit_hash_length")),
        sa.CheckConstraint("length(country) <= 2", name=op.f("ck_workspace_country_length")),
        sa.CheckConstraint("length(locale) <= 2", name=op.f("ck_workspace_locale_length")),
        sa.CheckConstraint(
            "length(missed_policy) <= 9", name=op.f("ck_workspace_missed_policy_length")
        ),
        sa.CheckConstraint("length(name) <= 120", name=op.f("ck_workspace_name_length")),
        sa.CheckConstraint("length(slug) <= 40", name=op.f("ck_workspace_slug_length")),
        sa.CheckConstraint("length(timezone) <= 64", name=op.f("ck_workspace_timezone_length")),
        sa.CheckConstraint("week_start BETWEEN 0 AND 6", name=op.f("ck_workspace_week_start")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_workspace")),
        sa.UniqueConstraint("slug", name=op.f("uq_workspace_slug")),
    )
    op.create_table(
        "api_key",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("updated_at", Instant(), nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("hint", sa.String(length=12), nullable=False),
        sa.Column("scopes", sa.JSON(), nullable=False),
        sa.Column("created_by", sa.Uuid(), nullable=False),
        sa.Column("expires_at", Instant(), nullable=True),
        sa.Column("revoked_at", Instant(), nullable=True),
        sa.Column("last_used_at", Instant(), nullable=True),
        sa.CheckConstraint("length(digest) <= 64", name=op.f("ck_api_key_digest_length")),
        sa.CheckConstraint("length(hint) <= 12", name=op.f("ck_api_key_hint_length")),
        sa.CheckConstraint("length(name) <= 80", name=op.f("ck_api_key_name_length")),
        sa.ForeignKeyConstraint(["created_by"], ["person.id"], name=op.f("fk_api_key_created_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_key")),
        sa.UniqueConstraint("digest", name=op.f("uq_api_key_digest")),
    )
    op.create_table(
        "audit_entry",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("actor", sa.String(length=64), nullable=False),
        sa.Column("action", sa.String(length=40), nullable=False),
        sa.Column("noun", sa.String(length=20), nullable=False),
        sa.Column("row_id", sa.Uuid(), nullable=False),
        sa.Column("data", sa.JSON(), nullable=False),
        sa.Column("request_id", sa.String(length=64), nullable=True),
        sa.Column("previous", sa.String(length=64), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.CheckConstraint("length(action) <= 40", name=op.f("ck_audit_entry_action_length")),
        sa.CheckConstraint("length(actor) <= 64", name=op.f("ck_audit_entry_actor_length")),
        sa.CheckConstraint("length(hash) <= 64", name=op.f("ck_audit_entry_hash_length")),
        sa.CheckConstraint("length(noun) <= 20", name=op.f("ck_audit_entry_noun_length")),
        sa.CheckConstraint("length(previous) <= 64", name=op.f("ck_audit_entry_previous_length")),
        sa.CheckConstraint(
            "length(request_id) <= 64", name=op.f("ck_audit_entry_request_id_length")
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspace.id"], name=op.f("fk_audit_entry_workspace_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_entry")),
        sa.UniqueConstraint("workspace_id", "id", name=op.f("uq_audit_entry_workspace_id_id")),
        sa.UniqueConstraint("workspace_id", "seq", name=op.f("uq_audit_entry_workspace_id_seq")),
    )
    with op.batch_alter_table("audit_entry", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_audit_entry_workspace_id_noun_row_id"),
            ["workspace_id", "noun", "row_id"],
            unique=False,
        )

    op.create_table(
        "campaign",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("updated_at", Instant(), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("description", sa.String(length=2000), nullable=False),
        sa.Column("starts_on", sa.Date(), nullable=False),
        sa.Column("ends_on", sa.Date(), nullable=False),
        sa.Column("hashtags", sa.JSON(), nullable=False),
        sa.CheckConstraint("ends_on >= starts_on", name=op.f("ck_campaign_dates")),
        sa.CheckConstraint(
            "length(description) <= 2000", name=op.f("ck_campaign_description_length")
        ),
        sa.CheckConstraint("length(name) <= 80", name=op.f("ck_campaign_name_length")),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspace.id"], name=op.f("fk_campaign_workspace_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_campaign")),
        sa.UniqueConstraint("workspace_id", "id", name=op.f("uq_campaign_workspace_id_id")),
        sa.UniqueConstraint("workspace_id", "name", name=op.f("uq_campaign_workspace_id_name")),
    )
    op.create_table(
        "change",
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("noun", sa.String(length=20), nullable=False),
        sa.Column("row_id", sa.Uuid(), nullable=False),
        sa.Column("deleted", sa.Boolean(), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.CheckConstraint("length(noun) <= 20", name=op.f("ck_change_noun_length")),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspace.id"], name=op.f("fk_change_workspace_id")
        ),
        sa.PrimaryKeyConstraint("workspace_id", "seq", name=op.f("pk_change")),
    )
    with op.batch_alter_table("change", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_change_at"), ["at"], unique=False)

    op.create_table(
        "channel",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("updated_at", Instant(), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("platform", sa.String(length=20), nullable=False),
        sa.Column("handle", sa.String(length=60), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("timezone", sa.String(length=64), nullable=True),
        sa.Column("connection", sa.String(length=12), nullable=False),
        sa.Column("connection_reason", sa.String(length=60), nullable=True),
        sa.Column("settings", sa.JSON(), nullable=False),
        sa.Column("secrets", sa.JSON(), nullable=False),
        sa.Column("busy_until", Instant(), nullable=True),
        sa.CheckConstraint(
            "connection IN ('connected', 'disconnected', 'needs_reauth', 'disabled')",
            name=op.f("ck_channel_connection"),
        ),
        sa.CheckConstraint("length(connection) <= 12", name=op.f("ck_channel_connection_length")),
        sa.CheckConstraint(
            "length(connection_reason) <= 60", name=op.f("ck_channel_connection_reason_length")
        ),
        sa.CheckConstraint("length(handle) <= 60", name=op.f("ck_channel_handle_length")),
        sa.CheckConstraint("length(name) <= 120", name=op.f("ck_channel_name_length")),
        sa.CheckConstraint("length(platform) <= 20", name=op.f("ck_channel_platform_length")),
        sa.CheckConstraint("length(timezone) <= 64", name=op.f("ck_channel_timezone_length")),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspace.id"], name=op.f("fk_channel_workspace_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_channel")),
        sa.UniqueConstraint("workspace_id", "id", name=op.f("uq_channel_workspace_id_id")),
        sa.UniqueConstraint(
            "workspace_id",
            "platform",
            "handle",
            name=op.f("uq_channel_workspace_id_platform_handle"),
        ),
    )
    op.create_table(
        "day",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("updated_at", Instant(), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("date", sa.Date(), nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("title", sa.String(length=120), nullable=False),
        sa.Column("slots", sa.String(length=5), nullable=False),
        sa.Column("extra_times", sa.JSON(), nullable=False),
        sa.CheckConstraint("kind IN ('holiday', 'blackout', 'note')", name=op.f("ck_day_kind")),
        sa.CheckConstraint("slots IN ('kept', 'none', 'extra')", name=op.f("ck_day_slots")),
        sa.CheckConstraint("length(kind) <= 8", name=op.f("ck_day_kind_length")),
        sa.CheckConstraint("length(slots) <= 5", name=op.f("ck_day_slots_length")),
        sa.CheckConstraint("length(title) <= 120", name=op.f("ck_day_title_length")),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspace.id"], name=op.f("fk_day_workspace_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_day")),
        sa.UniqueConstraint("workspace_id", "date", name=op.f("uq_day_workspace_id_date")),
        sa.UniqueConstraint("workspace_id", "id", name=op.f("uq_day_workspace_id_id")),
    )
    op.create_table(
        "invitation",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("updated_at", Instant(), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("email", sa.String(length=254), nullable=False),
        sa.Column("role", sa.String(length=8), nullable=False),
        sa.Column("token_digest", sa.String(length=64), nullable=False),
        sa.Column("invited_by", sa.String(length=64), nullable=False),
        sa.Column("expires_at", Instant(), nullable=False),
        sa.Column("accepted_at", Instant(), nullable=True),
        sa.CheckConstraint(
            "role IN ('viewer', 'editor', 'approver', 'manager', 'owner')",
            name=op.f("ck_invitation_role"),
        ),
        sa.CheckConstraint("length(email) <= 254", name=op.f("ck_invitation_email_length")),
        sa.CheckConstraint(
            "length(invited_by) <= 64", name=op.f("ck_invitation_invited_by_length")
        ),
        sa.CheckConstraint("length(role) <= 8", name=op.f("ck_invitation_role_length")),
        sa.CheckConstraint(
            "length(token_digest) <= 64", name=op.f("ck_invitation_token_digest_length")
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspace.id"], name=op.f("fk_invitation_workspace_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_invitation")),
        sa.UniqueConstraint("token_digest", name=op.f("uq_invitation_token_digest")),
        sa.UniqueConstraint("workspace_id", "id", name=op.f("uq_invitation_workspace_id_id")),
    )
    op.create_table(
        "media",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("updated_at", Instant(), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("mime", sa.String(length=40), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("width", sa.Integer(), nullable=True),
        sa.Column("height", sa.Integer(), nullable=True),
        sa.Column("duration_ms", sa.Integer(), nullable=True),
        sa.Column("frame_rate", sa.String(length=20), nullable=True),
        sa.Column("codec", sa.String(length=40), nullable=True),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("alt", sa.String(length=2000), nullable=False),
        sa.CheckConstraint("length(alt) <= 2000", name=op.f("ck_media_alt_length")),
        sa.CheckConstraint("length(codec) <= 40", name=op.f("ck_media_codec_length")),
        sa.CheckConstraint("length(frame_rate) <= 20", name=op.f("ck_media_frame_rate_length")),
        sa.CheckConstraint("length(mime) <= 40", name=op.f("ck_media_mime_length")),
        sa.CheckConstraint("length(name) <= 200", name=op.f("ck_media_name_length")),
        sa.CheckConstraint("length(sha256) <= 64", name=op.f("ck_media_sha256_length")),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspace.id"], name=op.f("fk_media_workspace_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_media")),
        sa.UniqueConstraint("workspace_id", "id", name=op.f("uq_media_workspace_id_id")),
        sa.UniqueConstraint("workspace_id", "sha256", name=op.f("uq_media_workspace_id_sha256")),
    )
    op.create_table(
        "membership",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("updated_at", Instant(), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("role", sa.String(length=8), nullable=False),
        sa.CheckConstraint(
            "role IN ('viewer', 'editor', 'approver', 'manager', 'owner')",
            name=op.f("ck_membership_role"),
        ),
        sa.CheckConstraint("length(role) <= 8", name=op.f("ck_membership_role_length")),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_membership_person_id")),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspace.id"], name=op.f("fk_membership_workspace_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_membership")),
        sa.UniqueConstraint("workspace_id", "id", name=op.f("uq_membership_workspace_id_id")),
        sa.UniqueConstraint(
            "workspace_id", "person_id", name=op.f("uq_membership_workspace_id_person_id")
        ),
    )
    with op.batch_alter_table("membership", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_membership_person_id"), ["person_id"], unique=False)

    op.create_table(
        "pillar",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("updated_at", Instant(), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("description", sa.String(length=2000), nullable=False),
        sa.Column("audience", sa.String(length=500), nullable=False),
        sa.Column("includes", sa.String(length=2000), nullable=False),
        sa.Column("excludes", sa.String(length=2000), nullable=False),
        sa.Column("colour", sa.String(length=7), nullable=False),
        sa.Column("share_bp", sa.Integer(), nullable=True),
        sa.CheckConstraint("length(audience) <= 500", name=op.f("ck_pillar_audience_length")),
        sa.CheckConstraint("length(colour) <= 7", name=op.f("ck_pillar_colour_length")),
        sa.CheckConstraint(
            "length(description) <= 2000", name=op.f("ck_pillar_description_length")
        ),
        sa.CheckConstraint("length(excludes) <= 2000", name=op.f("ck_pillar_excludes_length")),
        sa.CheckConstraint("length(includes) <= 2000", name=op.f("ck_pillar_includes_length")),
        sa.CheckConstraint("length(name) <= 80", name=op.f("ck_pillar_name_length")),
        sa.CheckConstraint("share_bp BETWEEN 0 AND 10000", name=op.f("ck_pillar_share_bp")),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspace.id"], name=op.f("fk_pillar_workspace_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pillar")),
        sa.UniqueConstraint("workspace_id", "id", name=op.f("uq_pillar_workspace_id_id")),
        sa.UniqueConstraint("workspace_id", "name", name=op.f("uq_pillar_workspace_id_name")),
    )
    op.create_table(
        "session",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("updated_at", Instant(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("token_digest", sa.String(length=64), nullable=False),
        sa.Column("expires_at", Instant(), nullable=False),
        sa.Column("last_seen_at", Instant(), nullable=False),
        sa.Column("user_agent", sa.String(length=200), nullable=False),
        sa.CheckConstraint(
            "length(token_digest) <= 64", name=op.f("ck_session_token_digest_length")
        ),
        sa.CheckConstraint("length(user_agent) <= 200", name=op.f("ck_session_user_agent_length")),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_session_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_session")),
        sa.UniqueConstraint("token_digest", name=op.f("uq_session_token_digest")),
    )
    with op.batch_alter_table("session", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_session_expires_at"), ["expires_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_session_person_id"), ["person_id"], unique=False)

    op.create_table(
        "key_workspace",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("updated_at", Instant(), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("api_key_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["api_key_id"], ["api_key.id"], name=op.f("fk_key_workspace_api_key_id")
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspace.id"], name=op.f("fk_key_workspace_workspace_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_key_workspace")),
        sa.UniqueConstraint(
            "workspace_id", "api_key_id", name=op.f("uq_key_workspace_workspace_id_api_key_id")
        ),
        sa.UniqueConstraint("workspace_id", "id", name=op.f("uq_key_workspace_workspace_id_id")),
    )
    with op.batch_alter_table("key_workspace", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_key_workspace_api_key_id"), ["api_key_id"], unique=False
        )

    op.create_table(
        "mix_version",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("updated_at", Instant(), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("channel_id", sa.Uuid(), nullable=True),
        sa.Column("source", sa.String(length=7), nullable=False),
        sa.Column("types", sa.JSON(), nullable=False),
        sa.Column("tolerance_bp", sa.Integer(), nullable=False),
        sa.Column("mode", sa.String(length=7), nullable=False),
        sa.Column("effective_from", sa.Date(), nullable=False),
        sa.Column("effective_until", sa.Date(), nullable=True),
        sa.CheckConstraint("mode IN ('enforce', 'warn', 'off')", name=op.f("ck_mix_version_mode")),
        sa.CheckConstraint(
            "source IN ('own', 'inherit', 'none')", name=op.f("ck_mix_version_source")
        ),
        sa.CheckConstraint("length(mode) <= 7", name=op.f("ck_mix_version_mode_length")),
        sa.CheckConstraint("length(source) <= 7", name=op.f("ck_mix_version_source_length")),
        sa.ForeignKeyConstraint(
            ["workspace_id", "channel_id"],
            ["channel.workspace_id", "channel.id"],
            name=op.f("fk_mix_version_workspace_id_channel_id"),
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspace.id"], name=op.f("fk_mix_version_workspace_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_mix_version")),
        sa.UniqueConstraint("workspace_id", "id", name=op.f("uq_mix_version_workspace_id_id")),
    )
    with op.batch_alter_table("mix_version", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_mix_version_workspace_id_channel_id_effective_from"),
            ["workspace_id", "channel_id", "effective_from"],
            unique=False,
        )

    op.create_table(
        "post",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("updated_at", Instant(), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("title", sa.String(length=200), nullable=False),
        sa.Column("type", sa.String(length=40), nullable=False),
        sa.Column("pillar_id", sa.Uuid(), nullable=True),
        sa.Column("campaign_id", sa.Uuid(), nullable=True),
        sa.Column("owner_id", sa.Uuid(), nullable=True),
        sa.Column("assignees", sa.JSON(), nullable=False),
        sa.Column("format", sa.String(length=8), nullable=False),
        sa.Column("status", sa.String(length=9), nullable=False),
        sa.Column("external_id", sa.String(length=120), nullable=True),
        sa.Column("current", sa.Integer(), nullable=False),
        sa.Column("approved", sa.Integer(), nullable=True),
        sa.Column("submitted_at", Instant(), nullable=True),
        sa.Column("rejection", sa.String(length=2000), nullable=True),
        sa.Column("second_approval_due", sa.Boolean(), nullable=False),
        sa.CheckConstraint(
            "format IN ('post', 'carousel', 'thread', 'story', 'reel')", name=op.f("ck_post_format")
        ),
        sa.CheckConstraint(
            "status IN ('idea', 'draft', 'in_review', 'approved', 'archived')",
            name=op.f("ck_post_status"),
        ),
        sa.CheckConstraint("length(external_id) <= 120", name=op.f("ck_post_external_id_length")),
        sa.CheckConstraint("length(format) <= 8", name=op.f("ck_post_format_length")),
        sa.CheckConstraint("length(rejection) <= 2000", name=op.f("ck_post_rejection_length")),
        sa.CheckConstraint("length(status) <= 9", name=op.f("ck_post_status_length")),
        sa.CheckConstraint("length(title) <= 200", name=op.f("ck_post_title_length")),
        sa.CheckConstraint("length(type) <= 40", name=op.f("ck_post_type_length")),
        sa.ForeignKeyConstraint(["owner_id"], ["person.id"], name=op.f("fk_post_owner_id")),
        sa.ForeignKeyConstraint(
            ["workspace_id", "campaign_id"],
            ["campaign.workspace_id", "campaign.id"],
            name=op.f("fk_post_workspace_id_campaign_id"),
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id", "pillar_id"],
            ["pillar.workspace_id", "pillar.id"],
            name=op.f("fk_post_workspace_id_pillar_id"),
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspace.id"], name=op.f("fk_post_workspace_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_post")),
        sa.UniqueConstraint(
            "workspace_id", "external_id", name=op.f("uq_post_workspace_id_external_id")
        ),
        sa.UniqueConstraint("workspace_id", "id", name=op.f("uq_post_workspace_id_id")),
    )
    with op.batch_alter_table("post", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_post_workspace_id_status_id"),
            ["workspace_id", "status", "id"],
            unique=False,
        )

    op.create_table(
        "slot",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("updated_at", Instant(), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("channel_id", sa.Uuid(), nullable=False),
        sa.Column("weekday", sa.Integer(), nullable=False),
        sa.Column("time", sa.String(length=5), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("valid_until", sa.Date(), nullable=True),
        sa.CheckConstraint("length(time) <= 5", name=op.f("ck_slot_time_length")),
        sa.CheckConstraint(
            "valid_until IS NULL OR valid_until >= valid_from", name=op.f("ck_slot_validity")
        ),
        sa.CheckConstraint("weekday BETWEEN 0 AND 6", name=op.f("ck_slot_weekday")),
        sa.ForeignKeyConstraint(
            ["workspace_id", "channel_id"],
            ["channel.workspace_id", "channel.id"],
            name=op.f("fk_slot_workspace_id_channel_id"),
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspace.id"], name=op.f("fk_slot_workspace_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_slot")),
        sa.UniqueConstraint("workspace_id", "id", name=op.f("uq_slot_workspace_id_id")),
    )
    with op.batch_alter_table("slot", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_slot_workspace_id_channel_id_valid_from"),
            ["workspace_id", "channel_id", "valid_from"],
            unique=False,
        )

    op.create_table(
        "approval",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("post_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("channel_id", sa.Uuid(), nullable=True),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("actor", sa.String(length=64), nullable=False),
        sa.Column("break_glass", sa.String(length=2000), nullable=True),
        sa.Column("created_at", Instant(), nullable=False),
        sa.CheckConstraint("length(actor) <= 64", name=op.f("ck_approval_actor_length")),
        sa.CheckConstraint(
            "length(break_glass) <= 2000", name=op.f("ck_approval_break_glass_length")
        ),
        sa.CheckConstraint("length(hash) <= 64", name=op.f("ck_approval_hash_length")),
        sa.ForeignKeyConstraint(
            ["workspace_id", "channel_id"],
            ["channel.workspace_id", "channel.id"],
            name=op.f("fk_approval_workspace_id_channel_id"),
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id", "post_id"],
            ["post.workspace_id", "post.id"],
            name=op.f("fk_approval_workspace_id_post_id"),
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspace.id"], name=op.f("fk_approval_workspace_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_approval")),
        sa.UniqueConstraint("workspace_id", "id", name=op.f("uq_approval_workspace_id_id")),
    )
    with op.batch_alter_table("approval", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_approval_post_id_number"), ["post_id", "number"], unique=False
        )

    op.create_table(
        "comment",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("updated_at", Instant(), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("post_id", sa.Uuid(), nullable=False),
        sa.Column("author", sa.String(length=64), nullable=False),
        sa.Column("text", sa.String(length=5000), nullable=False),
        sa.CheckConstraint("length(author) <= 64", name=op.f("ck_comment_author_length")),
        sa.CheckConstraint("length(text) <= 5000", name=op.f("ck_comment_text_length")),
        sa.ForeignKeyConstraint(
            ["workspace_id", "post_id"],
            ["post.workspace_id", "post.id"],
            name=op.f("fk_comment_workspace_id_post_id"),
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspace.id"], name=op.f("fk_comment_workspace_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_comment")),
        sa.UniqueConstraint("workspace_id", "id", name=op.f("uq_comment_workspace_id_id")),
    )
    with op.batch_alter_table("comment", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_comment_post_id_id"), ["post_id", "id"], unique=False)

    op.create_table(
        "post_version",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("post_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("content", sa.JSON(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("author", sa.String(length=64), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.CheckConstraint("length(author) <= 64", name=op.f("ck_post_version_author_length")),
        sa.CheckConstraint("length(sha256) <= 64", name=op.f("ck_post_version_sha256_length")),
        sa.ForeignKeyConstraint(
            ["workspace_id", "post_id"],
            ["post.workspace_id", "post.id"],
            name=op.f("fk_post_version_workspace_id_post_id"),
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspace.id"], name=op.f("fk_post_version_workspace_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_post_version")),
        sa.UniqueConstraint("post_id", "number", name=op.f("uq_post_version_post_id_number")),
        sa.UniqueConstraint("workspace_id", "id", name=op.f("uq_post_version_workspace_id_id")),
    )
    op.create_table(
        "publication",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("updated_at", Instant(), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("post_id", sa.Uuid(), nullable=False),
        sa.Column("channel_id", sa.Uuid(), nullable=False),
        sa.Column("occurrence", sa.Integer(), nullable=False),
        sa.Column("type", sa.String(length=40), nullable=False),
        sa.Column("pillar_id", sa.Uuid(), nullable=True),
        sa.Column("status", sa.String(length=12), nullable=False),
        sa.Column("due_at", Instant(), nullable=False),
        sa.Column("local", sa.String(length=19), nullable=False),
        sa.Column("timezone", sa.String(length=64), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("holds_seat", sa.Boolean(), nullable=False),
        sa.Column("exempt", sa.String(length=18), nullable=True),
        sa.Column("exempt_note", sa.String(length=2000), nullable=True),
        sa.Column("recorded", sa.Boolean(), nullable=False),
        sa.Column("publish_until", Instant(), nullable=True),
        sa.Column("content_hash", sa.String(length=64), nullable=True),
        sa.Column("worker", sa.String(length=80), nullable=True),
        sa.Column("fence", sa.Integer(), nullable=False),
        sa.Column("lease_until", Instant(), nullable=True),
        sa.Column("not_before", Instant(), nullable=True),
        sa.Column("resumed_at", Instant(), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("crashes", sa.Integer(), nullable=False),
        sa.Column("unproved", sa.Boolean(), nullable=False),
        sa.Column("step", sa.Integer(), nullable=False),
        sa.Column("handle", sa.String(length=500), nullable=True),
        sa.Column("intent_at", Instant(), nullable=True),
        sa.Column("poll_at", Instant(), nullable=True),
        sa.Column("remote_id", sa.String(length=500), nullable=True),
        sa.Column("permalink", sa.String(length=2000), nullable=True),
        sa.Column("published_at", Instant(), nullable=True),
        sa.Column("withdrawn_at", Instant(), nullable=True),
        sa.Column("dismissed_at", Instant(), nullable=True),
        sa.Column("reason", sa.String(length=60), nullable=True),
        sa.Column("snapshot", sa.JSON(none_as_null=True), nullable=True),
        sa.CheckConstraint(
            "exempt IN ('crisis', 'official_statement', 'protocol', 'correction', 'story')",
            name=op.f("ck_publication_exempt"),
        ),
        sa.CheckConstraint(
            "status IN ('planned', 'scheduled', 'claimed', 'submitting', 'processing', 'handed_over', 'published', 'failed', 'needs_review', 'missed', 'cancelled')",
            name=op.f("ck_publication_status"),
        ),
        sa.CheckConstraint(
            "length(content_hash) <= 64", name=op.f("ck_publication_content_hash_length")
        ),
        sa.CheckConstraint("length(exempt) <= 18", name=op.f("ck_publication_exempt_length")),
        sa.CheckConstraint(
            "length(exempt_note) <= 2000", name=op.f("ck_publication_exempt_note_length")
        ),
        sa.CheckConstraint("length(handle) <= 500", name=op.f("ck_publication_handle_length")),
        sa.CheckConstraint("length(local) <= 19", name=op.f("ck_publication_local_length")),
        sa.CheckConstraint(
            "length(permalink) <= 2000", name=op.f("ck_publication_permalink_length")
        ),
        sa.CheckConstraint("length(reason) <= 60", name=op.f("ck_publication_reason_length")),
        sa.CheckConstraint(
            "length(remote_id) <= 500", name=op.f("ck_publication_remote_id_length")
        ),
        sa.CheckConstraint("length(status) <= 12", name=op.f("ck_publication_status_length")),
        sa.CheckConstraint("length(timezone) <= 64", name=op.f("ck_publication_timezone_length")),
        sa.CheckConstraint("length(type) <= 40", name=op.f("ck_publication_type_length")),
        sa.CheckConstraint("length(worker) <= 80", name=op.f("ck_publication_worker_length")),
        sa.ForeignKeyConstraint(
            ["workspace_id", "channel_id"],
            ["channel.workspace_id", "channel.id"],
            name=op.f("fk_publication_workspace_id_channel_id"),
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id", "pillar_id"],
            ["pillar.workspace_id", "pillar.id"],
            name=op.f("fk_publication_workspace_id_pillar_id"),
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id", "post_id"],
            ["post.workspace_id", "post.id"],
            name=op.f("fk_publication_workspace_id_post_id"),
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspace.id"], name=op.f("fk_publication_workspace_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_publication")),
        sa.UniqueConstraint("workspace_id", "id", name=op.f("uq_publication_workspace_id_id")),
    )
    with op.batch_alter_table("publication", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_publication_channel_id_due_at"), ["channel_id", "due_at"], unique=False
        )
        batch_op.create_index(
            "ix_publication_mix",
            ["workspace_id", "day", "channel_id", "due_at", "id", "type", "pillar_id"],
            unique=False,
            sqlite_where=sa.text("holds_seat"),
            postgresql_where=sa.text("holds_seat"),
        )
        batch_op.create_index(
            batch_op.f("ix_publication_status_due_at"), ["status", "due_at"], unique=False
        )
        batch_op.create_index(
            batch_op.f("ix_publication_workspace_id_due_at"),
            ["workspace_id", "due_at"],
            unique=False,
        )
        batch_op.create_index(
            "uq_publication_in_flight",
            ["channel_id"],
            unique=True,
            sqlite_where=sa.text("status IN ('claimed', 'submitting')"),
            postgresql_where=sa.text("status IN ('claimed', 'submitting')"),
        )
        batch_op.create_index(
            "uq_publication_once",
            ["post_id", "channel_id", "occurrence"],
            unique=True,
            sqlite_where=sa.text("status <> 'cancelled'"),
            postgresql_where=sa.text("status <> 'cancelled'"),
        )

    op.create_table(
        "attempt",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("publication_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("step", sa.Integer(), nullable=False),
        sa.Column("worker", sa.String(length=80), nullable=False),
        sa.Column("fence", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(length=100), nullable=False),
        sa.Column("content_hash", sa.String(length=64), nullable=False),
        sa.Column("started_at", Instant(), nullable=False),
        sa.CheckConstraint(
            "length(content_hash) <= 64", name=op.f("ck_attempt_content_hash_length")
        ),
        sa.CheckConstraint("length(key) <= 100", name=op.f("ck_attempt_key_length")),
        sa.CheckConstraint("length(worker) <= 80", name=op.f("ck_attempt_worker_length")),
        sa.ForeignKeyConstraint(
            ["workspace_id", "publication_id"],
            ["publication.workspace_id", "publication.id"],
            name=op.f("fk_attempt_workspace_id_publication_id"),
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspace.id"], name=op.f("fk_attempt_workspace_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_attempt")),
        sa.UniqueConstraint(
            "publication_id", "number", name=op.f("uq_attempt_publication_id_number")
        ),
        sa.UniqueConstraint("workspace_id", "id", name=op.f("uq_attempt_workspace_id_id")),
    )
    op.create_table(
        "transition",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("publication_id", sa.Uuid(), nullable=False),
        sa.Column("before", sa.String(length=12), nullable=True),
        sa.Column("after", sa.String(length=12), nullable=False),
        sa.Column("reason", sa.String(length=60), nullable=True),
        sa.Column("actor", sa.String(length=64), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=True),
        sa.Column("detail", sa.JSON(), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.CheckConstraint("length(actor) <= 64", name=op.f("ck_transition_actor_length")),
        sa.CheckConstraint("length(after) <= 12", name=op.f("ck_transition_after_length")),
        sa.CheckConstraint("length(before) <= 12", name=op.f("ck_transition_before_length")),
        sa.CheckConstraint("length(reason) <= 60", name=op.f("ck_transition_reason_length")),
        sa.ForeignKeyConstraint(
            ["workspace_id", "publication_id"],
            ["publication.workspace_id", "publication.id"],
            name=op.f("fk_transition_workspace_id_publication_id"),
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspace.id"], name=op.f("fk_transition_workspace_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_transition")),
    )
    with op.batch_alter_table("transition", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_transition_publication_id_id"), ["publication_id", "id"], unique=False
        )


def downgrade() -> None:
    with op.batch_alter_table("transition", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_transition_publication_id_id"))

    op.drop_table("transition")
    op.drop_table("attempt")
    with op.batch_alter_table("publication", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_publication_once",
            sqlite_where=sa.text("status <> 'cancelled'"),
            postgresql_where=sa.text("status <> 'cancelled'"),
        )
        batch_op.drop_index(
            "uq_publication_in_flight",
            sqlite_where=sa.text("status IN ('claimed', 'submitting')"),
            postgresql_where=sa.text("status IN ('claimed', 'submitting')"),
        )
        batch_op.drop_index(batch_op.f("ix_publication_workspace_id_due_at"))
        batch_op.drop_index(batch_op.f("ix_publication_status_due_at"))
        batch_op.drop_index(
            "ix_publication_mix",
            sqlite_where=sa.text("holds_seat"),
            postgresql_where=sa.text("holds_seat"),
        )
        batch_op.drop_index(batch_op.f("ix_publication_channel_id_due_at"))

    op.drop_table("publication")
    op.drop_table("post_version")
    with op.batch_alter_table("comment", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_comment_post_id_id"))

    op.drop_table("comment")
    with op.batch_alter_table("approval", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_approval_post_id_number"))

    op.drop_table("approval")
    with op.batch_alter_table("slot", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_slot_workspace_id_channel_id_valid_from"))

    op.drop_table("slot")
    with op.batch_alter_table("post", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_post_workspace_id_status_id"))

    op.drop_table("post")
    with op.batch_alter_table("mix_version", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_mix_version_workspace_id_channel_id_effective_from"))

    op.drop_table("mix_version")
    with op.batch_alter_table("key_workspace", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_key_workspace_api_key_id"))

    op.drop_table("key_workspace")
    with op.batch_alter_table("session", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_session_person_id"))
        batch_op.drop_index(batch_op.f("ix_session_expires_at"))

    op.drop_table("session")
    op.drop_table("pillar")
    with op.batch_alter_table("membership", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_membership_person_id"))

    op.drop_table("membership")
    op.drop_table("media")
    op.drop_table("invitation")
    op.drop_table("day")
    op.drop_table("channel")
    with op.batch_alter_table("change", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_change_at"))

    op.drop_table("change")
    op.drop_table("campaign")
    with op.batch_alter_table("audit_entry", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_audit_entry_workspace_id_noun_row_id"))

    op.drop_table("audit_entry")
    op.drop_table("api_key")
    op.drop_table("workspace")
    op.drop_table("person")
    op.drop_table("instance")
    with op.batch_alter_table("idempotency_key", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_idempotency_key_created_at"))

    op.drop_table("idempotency_key")
