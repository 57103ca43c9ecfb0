"""retraining."""

import sqlalchemy as sa
from alembic import op

import overheard.db


revision = '0022'
down_revision = '0021'
branch_labels = None
depends_on = None


def upgrade() -> None:
    """retraining."""
    utc = overheard.db.UtcDateTime(timezone=True)
    op.create_table(
        'retrainings',
        sa.Column('id', sa.Integer(), nullable=False),
        sa.Column('begun_at', utc, nullable=False),
        sa.Column('updated_at', utc, nullable=False),
        sa.Column('ended_at', utc, nullable=True),
        sa.Column('phase', sa.Text(), nullable=False),
        sa.Column('done', sa.Integer(), nullable=False),
        sa.Column('total', sa.Integer(), nullable=False),
        sa.Column('version', sa.Text(), nullable=True),
        sa.Column('is_accepted', sa.Boolean(), nullable=True),
        sa.Column('error', sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_retrainings')),
    )


def downgrade() -> None:
    """Take it back."""
    op.drop_table('retrainings')
