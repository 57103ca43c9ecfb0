"""campaign desk."""

import sqlalchemy as sa
from alembic import op

import overheard.db

revision = '0013'
down_revision = '0012'
branch_labels = None
depends_on = None


def upgrade() -> None:
    """campaign desk."""
    op.add_column('campaigns', sa.Column('languages', sa.Text(), nullable=True))
    op.add_column('campaigns', sa.Column('archived_at', overheard.db.UtcDateTime(timezone=True), nullable=True))
    op.add_column('qualifying_questions', sa.Column('weight', sa.Integer(), server_default='1', nullable=False))
    op.create_table('campaign_members',
    sa.Column('campaign_id', sa.Integer(), nullable=False),
    sa.Column('user_id', sa.Integer(), nullable=False),
    sa.ForeignKeyConstraint(['campaign_id'], ['campaigns.id'], name=op.f('fk_campaign_members_campaign_id_campaigns'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['user_id'], ['users.id'], name=op.f('fk_campaign_members_user_id_users'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('campaign_id', 'user_id', name=op.f('pk_campaign_members'))
    )
    op.create_table('exclusions',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('campaign_id', sa.Integer(), nullable=False),
    sa.Column('platform', sa.Enum('reddit', 'slack', 'hackernews', 'bluesky', 'mastodon', 'discourse', 'rss', 'stackexchange', 'github', 'discord', 'telegram', 'x', 'facebook', 'linkedin', 'quora', 'other', name='platform', native_enum=False, length=32), nullable=False),
    sa.Column('kind', sa.Enum('author', 'community', name='exclusionkind', native_enum=False, length=32), nullable=False),
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('at', overheard.db.UtcDateTime(timezone=True), nullable=False),
    sa.Column('actor_id', sa.Integer(), nullable=True),
    sa.ForeignKeyConstraint(['actor_id'], ['users.id'], name=op.f('fk_exclusions_actor_id_users')),
    sa.ForeignKeyConstraint(['campaign_id'], ['campaigns.id'], name=op.f('fk_exclusions_campaign_id_campaigns'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_exclusions')),
    sa.UniqueConstraint('campaign_id', 'platform', 'kind', 'name', name=op.f('uq_exclusions_campaign_id_platform_kind_name'))
    )


def downgrade() -> None:
    """Take it back."""
    op.drop_table('exclusions')
    op.drop_table('campaign_members')
    op.drop_column('qualifying_questions', 'weight')
    op.drop_column('campaigns', 'archived_at')
    op.drop_column('campaigns', 'languages')
