"""labels."""

import sqlalchemy as sa
from alembic import op

import overheard.db

revision = '0016'
down_revision = '0015'
branch_labels = None
depends_on = None

_NEW_COLUMNS: dict[str, list[sa.Column[object]]] = {
    'sources': [sa.Column('may_train', sa.Boolean(), nullable=True)],
    'campaigns': [
        sa.Column('random_share', sa.Double(), server_default='0', nullable=False),
        sa.Column('uncertain_share', sa.Double(), server_default='0', nullable=False),
    ],
    'leads': [
        sa.Column('rank', sa.Double(), server_default='0', nullable=False),
        sa.Column('shown_because', sa.Text(), server_default='top', nullable=False),
        sa.Column('propensity', sa.Double(), nullable=True),
        sa.Column('drawn_score', sa.Double(), nullable=True),
    ],
    'labels': [sa.Column('view', sa.Text(), nullable=True)],
}


def upgrade() -> None:
    """labels."""
    for table, columns in _NEW_COLUMNS.items():
        for column in columns:
            op.add_column(table, column)
    op.execute('UPDATE leads SET rank = score')
    op.drop_index('ix_leads_queue', table_name='leads')
    op.create_index('ix_leads_queue', 'leads', ['stage', 'signalled_on', 'rank', 'id'])
    intents = sa.Enum('recommendation', 'alternative', 'comparison', 'purchase', 'pain', 'promotion', 'support', 'advice', 'discussion', name='intent', native_enum=False, length=32)
    op.create_table('intent_labels',
        sa.Column('id', sa.Integer(), nullable=False),
        sa.Column('post_id', sa.Integer(), nullable=False),
        sa.Column('intent', intents, nullable=False),
        sa.Column('is_unsure', sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column('actor_id', sa.Integer(), nullable=True),
        sa.Column('origin', sa.Text(), nullable=True),
        sa.Column('at', overheard.db.UtcDateTime(timezone=True), nullable=False),
        sa.Column('text_hash', sa.Text(), nullable=False),
        sa.Column('shown_because', sa.Text(), nullable=False),
        sa.Column('model_version', sa.Text(), nullable=True),
        sa.Column('score', sa.Double(), nullable=True),
        sa.Column('is_final', sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column('withdrawn_at', overheard.db.UtcDateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(['actor_id'], ['users.id'], name=op.f('fk_intent_labels_actor_id_users')),
        sa.ForeignKeyConstraint(['post_id'], ['posts.id'], name=op.f('fk_intent_labels_post_id_posts'), ondelete='CASCADE'),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_intent_labels')),
    )
    op.create_index('ix_intent_labels_post_id', 'intent_labels', ['post_id'])
    stands = sa.text('withdrawn_at IS NULL')
    op.create_index('ix_intent_labels_standing', 'intent_labels', ['post_id'], sqlite_where=stands, postgresql_where=stands)
    op.create_table('label_doubts',
        sa.Column('id', sa.Integer(), nullable=False),
        sa.Column('post_id', sa.Integer(), nullable=False),
        sa.Column('text_hash', sa.Text(), nullable=False),
        sa.Column('said', sa.Text(), nullable=False),
        sa.Column('proposed', sa.Text(), nullable=False),
        sa.Column('loss', sa.Double(), nullable=False),
        sa.Column('at', overheard.db.UtcDateTime(timezone=True), nullable=False),
        sa.Column('settled_at', overheard.db.UtcDateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(['post_id'], ['posts.id'], name=op.f('fk_label_doubts_post_id_posts'), ondelete='CASCADE'),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_label_doubts')),
        sa.UniqueConstraint('post_id', name=op.f('uq_label_doubts_post_id')),
    )


def downgrade() -> None:
    """Take it back."""
    op.drop_table('label_doubts')
    op.drop_table('intent_labels')
    op.drop_index('ix_leads_queue', table_name='leads')
    op.create_index('ix_leads_queue', 'leads', ['stage', 'signalled_on', 'score', 'id'])
    for table, columns in _NEW_COLUMNS.items():
        for column in columns:
            op.drop_column(table, column.name)
