"""labels desk."""

revision = '0024'
down_revision = '0023'
branch_labels = None
depends_on = None


def upgrade() -> None:
    """labels desk."""


def downgrade() -> None:
    """Take it back."""
