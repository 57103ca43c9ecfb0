"""loose ends 5."""

revision = '0020'
down_revision = '0019'
branch_labels = None
depends_on = None


def upgrade() -> None:
    """loose ends 5."""


def downgrade() -> None:
    """Take it back."""
