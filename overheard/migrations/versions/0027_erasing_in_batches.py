"""erasing in batches."""

import sqlalchemy as sa
from alembic import op

import overheard.db

revision = '0027'
down_revision = '0026'
branch_labels = None
depends_on = None

_UNDER_WAY = sa.text('subject IS NOT NULL')


def upgrade() -> None:
    """Every erasure so far was done in one transaction."""
    op.add_column('erasures', sa.Column('subject', sa.JSON(none_as_null=True), nullable=True))
    op.add_column('erasures', sa.Column('finished_at', overheard.db.UtcDateTime(timezone=True), nullable=True))
    op.execute('UPDATE erasures SET finished_at = COALESCE(replayed_at, at)')
    op.create_index(
        'ix_erasures_under_way', 'erasures', ['kind'], sqlite_where=_UNDER_WAY, postgresql_where=_UNDER_WAY
    )


def downgrade() -> None:
    """Take it back. What was under way is not gone on with: ask for it again."""
    op.drop_index('ix_erasures_under_way', 'erasures')
    op.drop_column('erasures', 'finished_at')
    op.drop_column('erasures', 'subject')
