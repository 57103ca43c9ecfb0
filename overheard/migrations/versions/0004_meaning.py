"""meaning."""

import sqlalchemy as sa
from alembic import op

import overheard.db


revision = '0004'
down_revision = '0003'
branch_labels = None
depends_on = None


def upgrade() -> None:
    """meaning."""
    op.create_table(
        'embeddings',
        sa.Column('id', sa.Integer(), nullable=False),
        sa.Column('post_id', sa.Integer(), nullable=False),
        sa.Column('space', sa.Text(), nullable=False),
        sa.Column('vector', sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ['post_id'], ['posts.id'], name=op.f('fk_embeddings_post_id_posts'), ondelete='CASCADE'
        ),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_embeddings')),
        sa.UniqueConstraint('post_id', name=op.f('uq_embeddings_post_id')),
    )
    op.create_table(
        'relevances',
        sa.Column('id', sa.Integer(), nullable=False),
        sa.Column('post_id', sa.Integer(), nullable=False),
        sa.Column('campaign_id', sa.Integer(), nullable=False),
        sa.Column('space', sa.Text(), nullable=False),
        sa.Column('offer_hash', sa.Text(), nullable=False),
        sa.Column('relevance', sa.Double(), nullable=False),
        sa.Column('sentence', sa.JSON(none_as_null=True), nullable=True),
        sa.Column('at', overheard.db.UtcDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ['campaign_id'], ['campaigns.id'], name=op.f('fk_relevances_campaign_id_campaigns'), ondelete='CASCADE'
        ),
        sa.ForeignKeyConstraint(
            ['post_id'], ['posts.id'], name=op.f('fk_relevances_post_id_posts'), ondelete='CASCADE'
        ),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_relevances')),
        sa.UniqueConstraint('post_id', 'campaign_id', name=op.f('uq_relevances_post_id_campaign_id')),
    )
    op.create_index(op.f('ix_relevances_campaign_id'), 'relevances', ['campaign_id'])
    op.add_column('campaigns', sa.Column('meaning_threshold', sa.Double(), nullable=True))


def downgrade() -> None:
    """Take it back."""
    op.drop_column('campaigns', 'meaning_threshold')
    op.drop_table('relevances')
    op.drop_table('embeddings')
