"""unjudged posts."""

import sqlalchemy as sa
from alembic import op


revision = '0023'
down_revision = '0022'
branch_labels = None
depends_on = None


def upgrade() -> None:
    """unjudged posts."""
    op.create_table(
        'unjudged_posts',
        sa.Column('post_id', sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(['post_id'], ['posts.id'], name=op.f('fk_unjudged_posts_post_id_posts'), ondelete='CASCADE'),
        sa.PrimaryKeyConstraint('post_id', name=op.f('pk_unjudged_posts')),
    )
    op.execute(
        'INSERT INTO unjudged_posts (post_id) SELECT id FROM posts '
        'WHERE NOT EXISTS (SELECT 1 FROM predictions WHERE predictions.post_id = posts.id)'
    )


def downgrade() -> None:
    """Take it back."""
    op.drop_table('unjudged_posts')
