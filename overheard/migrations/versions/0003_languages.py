"""languages."""

import sqlalchemy as sa
from alembic import op


revision = '0003'
down_revision = '0002'
branch_labels = None
depends_on = None


def upgrade() -> None:
    """languages."""
    op.add_column('predictions', sa.Column('language', sa.Text(), nullable=True))
    op.add_column('predictions', sa.Column('is_judged', sa.Boolean(), server_default=sa.true(), nullable=False))
    op.add_column('predictions', sa.Column('explanation', sa.JSON(none_as_null=True), nullable=True))


def downgrade() -> None:
    """Take it back."""
    op.drop_column('predictions', 'explanation')
    op.drop_column('predictions', 'is_judged')
    op.drop_column('predictions', 'language')
