"""yields."""

from alembic import op

revision = '0014'
down_revision = '0013'
branch_labels = None
depends_on = None


_INDEXES = {
    'ix_posts_collected_at_id': ('posts', ['collected_at', 'id']),
    'ix_posts_id_source_id': ('posts', ['id', 'source_id']),
    'ix_signals_post_id_lead_id': ('signals', ['post_id', 'lead_id']),
    'ix_lead_events_steps': ('lead_events', ['action', 'lead_id', 'from_stage', 'to_stage']),
}


def upgrade() -> None:
    """yields."""
    for name, (table, columns) in _INDEXES.items():
        op.create_index(name, table, columns)


def downgrade() -> None:
    """Take it back."""
    for name, (table, _) in _INDEXES.items():
        op.drop_index(name, table)
