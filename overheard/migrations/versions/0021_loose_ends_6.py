"""loose ends 6."""

revision = '0021'
down_revision = '0020'
branch_labels = None
depends_on = None


def upgrade() -> None:
    """loose ends 6."""


def downgrade() -> None:
    """Take it back."""
