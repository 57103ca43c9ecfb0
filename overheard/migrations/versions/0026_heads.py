"""a head of its own."""

import sqlalchemy as sa
from alembic import op

revision = '0026'
down_revision = '0025'
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Every version so far judges for all."""
    # In words that both databases read: SQLite adds a foreign key only together with its column.
    op.execute(
        'ALTER TABLE model_versions ADD COLUMN campaign_id INTEGER '
        'CONSTRAINT fk_model_versions_campaign_id_campaigns REFERENCES campaigns (id)'
    )
    op.add_column('model_versions', sa.Column('reader', sa.Text(), nullable=True))
    op.drop_index('ix_model_versions_champion', 'model_versions')
    _one_champion("state = 'champion' AND campaign_id IS NULL", 'ix_model_versions_champion', 'state')
    _one_champion("state = 'champion' AND campaign_id IS NOT NULL", 'ix_model_versions_own_champion', 'campaign_id')
    op.create_table(
        'campaign_scores',
        sa.Column('post_id', sa.Integer(), nullable=False),
        sa.Column('version_id', sa.Integer(), nullable=False),
        sa.Column('score', sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(['post_id'], ['posts.id'], name=op.f('fk_campaign_scores_post_id_posts'), ondelete='CASCADE'),
        sa.ForeignKeyConstraint(['version_id'], ['model_versions.id'], name=op.f('fk_campaign_scores_version_id_model_versions'), ondelete='CASCADE'),
        sa.PrimaryKeyConstraint('post_id', 'version_id', name=op.f('pk_campaign_scores')),
    )


def downgrade() -> None:
    """The shared head alone judges again; own heads stay as challengers that nobody asked for."""
    op.drop_table('campaign_scores')
    op.execute("UPDATE model_versions SET state = 'retired' WHERE campaign_id IS NOT NULL AND state = 'champion'")
    op.drop_index('ix_model_versions_own_champion', 'model_versions')
    op.drop_index('ix_model_versions_champion', 'model_versions')
    _one_champion("state = 'champion'", 'ix_model_versions_champion', 'state')
    op.drop_column('model_versions', 'reader')
    op.drop_column('model_versions', 'campaign_id')


def _one_champion(where: str, name: str, column: str) -> None:
    condition = sa.text(where)
    op.create_index(name, 'model_versions', [column], unique=True, sqlite_where=condition, postgresql_where=condition)
