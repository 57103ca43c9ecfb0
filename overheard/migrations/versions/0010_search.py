"""search."""

revision = '0010'
down_revision = '0009'
branch_labels = None
depends_on = None


def upgrade() -> None:
    """search."""


def downgrade() -> None:
    """Take it back."""
