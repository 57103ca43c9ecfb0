"""loose ends."""

import sqlalchemy as sa
from alembic import op


revision = '0008'
down_revision = '0007'
branch_labels = None
depends_on = None


def upgrade() -> None:
    """loose ends."""
    op.add_column('replies', sa.Column('score', sa.Integer(), nullable=True))
    op.add_column('audit_log', sa.Column('door', sa.Text(), nullable=True))


def downgrade() -> None:
    """Take it back."""
    op.drop_column('audit_log', 'door')
    op.drop_column('replies', 'score')
