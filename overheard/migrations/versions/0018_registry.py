"""registry."""

revision = '0018'
down_revision = '0017'
branch_labels = None
depends_on = None


def upgrade() -> None:
    """registry."""


def downgrade() -> None:
    """Take it back."""
