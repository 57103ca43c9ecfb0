"""samples."""

import sqlalchemy as sa
from alembic import op

import overheard.db


revision = '0011'
down_revision = '0010'
branch_labels = None
depends_on = None

_IS_OPEN = sa.text('answered_at IS NULL')


def upgrade() -> None:
    """samples."""
    utc = overheard.db.UtcDateTime(timezone=True)
    op.create_table(
        'stratum_days',
        sa.Column('id', sa.Integer(), nullable=False),
        sa.Column('campaign_id', sa.Integer(), nullable=False),
        sa.Column('day', sa.Date(), nullable=False),
        sa.Column('stratum', sa.Enum('shown', 'held_back', 'near', 'far', 'unmatched_strong', 'unmatched_weak', 'not_judged', name='stratum', native_enum=False, length=32), nullable=False),
        sa.Column('size', sa.Integer(), nullable=False),
        sa.Column('drawn', sa.Integer(), nullable=False),
        sa.Column('threshold', sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(['campaign_id'], ['campaigns.id'], name=op.f('fk_stratum_days_campaign_id_campaigns'), ondelete='CASCADE'),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_stratum_days')),
        sa.UniqueConstraint('campaign_id', 'day', 'stratum', name=op.f('uq_stratum_days_campaign_id_day_stratum')),
    )
    op.create_table(
        'samples',
        sa.Column('id', sa.Integer(), nullable=False),
        sa.Column('stratum_day_id', sa.Integer(), nullable=False),
        sa.Column('post_id', sa.Integer(), nullable=False),
        sa.Column('drawn_at', utc, nullable=False),
        sa.Column('answer', sa.Enum('lead', 'no', 'cannot_tell', name='sampleanswer', native_enum=False, length=32), nullable=True),
        sa.Column('answered_by_id', sa.Integer(), nullable=True),
        sa.Column('answered_at', utc, nullable=True),
        sa.Column('text_hash', sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(['stratum_day_id'], ['stratum_days.id'], name=op.f('fk_samples_stratum_day_id_stratum_days'), ondelete='CASCADE'),
        sa.ForeignKeyConstraint(['post_id'], ['posts.id'], name=op.f('fk_samples_post_id_posts'), ondelete='CASCADE'),
        sa.ForeignKeyConstraint(['answered_by_id'], ['users.id'], name=op.f('fk_samples_answered_by_id_users')),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_samples')),
        sa.UniqueConstraint('stratum_day_id', 'post_id', name=op.f('uq_samples_stratum_day_id_post_id')),
    )
    op.create_index(op.f('ix_samples_post_id'), 'samples', ['post_id'])
    op.create_index('ix_samples_open', 'samples', ['id'], sqlite_where=_IS_OPEN, postgresql_where=_IS_OPEN)
    op.create_table(
        'held_posts',
        sa.Column('id', sa.Integer(), nullable=False),
        sa.Column('campaign_id', sa.Integer(), nullable=False),
        sa.Column('post_id', sa.Integer(), nullable=False),
        sa.Column('held_on', sa.Date(), nullable=False),
        sa.Column('released_at', utc, nullable=True),
        sa.Column('released_by_id', sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(['campaign_id'], ['campaigns.id'], name=op.f('fk_held_posts_campaign_id_campaigns'), ondelete='CASCADE'),
        sa.ForeignKeyConstraint(['post_id'], ['posts.id'], name=op.f('fk_held_posts_post_id_posts'), ondelete='CASCADE'),
        sa.ForeignKeyConstraint(['released_by_id'], ['users.id'], name=op.f('fk_held_posts_released_by_id_users')),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_held_posts')),
        sa.UniqueConstraint('campaign_id', 'post_id', name=op.f('uq_held_posts_campaign_id_post_id')),
    )
    op.create_index(op.f('ix_held_posts_post_id'), 'held_posts', ['post_id'])
    # Campaigns that stand go on as they did: without a budget.
    op.add_column('campaigns', sa.Column('hot_floor', sa.Double(), nullable=True))
    op.add_column('campaigns', sa.Column('daily_budget', sa.Integer(), nullable=True))
    op.add_column('campaigns', sa.Column('samples_a_day', sa.Integer(), server_default='5', nullable=False))
    op.add_column('labels', sa.Column('propensity', sa.Double(), nullable=True))
    op.create_index(op.f('ix_signals_at'), 'signals', ['at'])


def downgrade() -> None:
    """Take it back."""
    op.drop_index(op.f('ix_signals_at'), table_name='signals')
    op.drop_column('labels', 'propensity')
    for name in ('samples_a_day', 'daily_budget', 'hot_floor'):
        op.drop_column('campaigns', name)
    op.drop_table('held_posts')
    op.drop_table('samples')
    op.drop_table('stratum_days')
