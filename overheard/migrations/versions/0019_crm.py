"""crm."""

revision = '0019'
down_revision = '0018'
branch_labels = None
depends_on = None


def upgrade() -> None:
    """crm."""


def downgrade() -> None:
    """Take it back."""
