"""hot alerts."""

import sqlalchemy as sa
from alembic import op

revision = '0015'
down_revision = '0014'
branch_labels = None
depends_on = None


def upgrade() -> None:
    """hot alerts."""
    op.add_column('alert_rules', sa.Column('only_hot', sa.Boolean(), server_default=sa.false(), nullable=False))


def downgrade() -> None:
    """Take it back."""
    op.drop_column('alert_rules', 'only_hot')
