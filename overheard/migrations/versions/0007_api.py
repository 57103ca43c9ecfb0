"""api."""

import sqlalchemy as sa
from alembic import op

import overheard.db


revision = '0007'
down_revision = '0006'
branch_labels = None
depends_on = None


def upgrade() -> None:
    """api."""
    op.create_table(
        'stored_answers',
        sa.Column('id', sa.Integer(), nullable=False),
        sa.Column('key_hash', sa.Text(), nullable=False),
        sa.Column('request_hash', sa.Text(), nullable=False),
        sa.Column('at', overheard.db.UtcDateTime(timezone=True), nullable=False),
        sa.Column('status', sa.Integer(), nullable=True),
        sa.Column('media_type', sa.Text(), nullable=True),
        sa.Column('sealed', sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_stored_answers')),
        sa.UniqueConstraint('key_hash', name=op.f('uq_stored_answers_key_hash')),
    )
    op.create_index(op.f('ix_stored_answers_at'), 'stored_answers', ['at'])


def downgrade() -> None:
    """Take it back."""
    op.drop_table('stored_answers')
