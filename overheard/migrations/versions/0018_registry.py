"""registry."""

import sqlalchemy as sa
from alembic import op

import overheard.db


revision = '0018'
down_revision = '0017'
branch_labels = None
depends_on = None

_INTENTS = 'recommendation', 'alternative', 'comparison', 'purchase', 'pain', 'advice', 'support', 'promotion', 'discussion'


def upgrade() -> None:
    """registry."""
    utc = overheard.db.UtcDateTime(timezone=True)
    op.create_table(
        'model_versions',
        sa.Column('id', sa.Integer(), nullable=False),
        sa.Column('name', sa.Text(), nullable=False),
        sa.Column('parent', sa.Text(), nullable=True),
        sa.Column('dataset_id', sa.Integer(), nullable=True),
        sa.Column('created_at', utc, nullable=False),
        sa.Column('threshold', sa.Double(), nullable=False),
        sa.Column('report', sa.JSON(), nullable=False),
        sa.Column('state', sa.Enum('challenger', 'shadow', 'champion', 'retired', name='modelstate', native_enum=False, length=32), nullable=False),
        sa.Column('activated_at', utc, nullable=True),
        sa.Column('activated_by_id', sa.Integer(), nullable=True),
        sa.Column('replaced_id', sa.Integer(), nullable=True),
        sa.Column('shadow_since', utc, nullable=True),
        sa.ForeignKeyConstraint(['activated_by_id'], ['users.id'], name=op.f('fk_model_versions_activated_by_id_users')),
        sa.ForeignKeyConstraint(['dataset_id'], ['datasets.id'], name=op.f('fk_model_versions_dataset_id_datasets')),
        sa.ForeignKeyConstraint(['replaced_id'], ['model_versions.id'], name=op.f('fk_model_versions_replaced_id_model_versions')),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_model_versions')),
        sa.UniqueConstraint('name', name=op.f('uq_model_versions_name')),
    )
    for state in ('champion', 'shadow'):
        is_it = sa.text(f"state = '{state}'")
        op.create_index(f'ix_model_versions_{state}', 'model_versions', ['state'], unique=True, sqlite_where=is_it, postgresql_where=is_it)
    op.create_table(
        'shadow_predictions',
        sa.Column('id', sa.Integer(), nullable=False),
        sa.Column('post_id', sa.Integer(), nullable=False),
        sa.Column('version_id', sa.Integer(), nullable=False),
        sa.Column('score', sa.Double(), nullable=False),
        sa.Column('intent', sa.Enum(*_INTENTS, name='intent', native_enum=False, length=32), nullable=False),
        sa.Column('evidence', sa.JSON(), nullable=False),
        sa.Column('is_judged', sa.Boolean(), nullable=False),
        sa.Column('at', utc, nullable=False),
        sa.ForeignKeyConstraint(['post_id'], ['posts.id'], name=op.f('fk_shadow_predictions_post_id_posts'), ondelete='CASCADE'),
        sa.ForeignKeyConstraint(['version_id'], ['model_versions.id'], name=op.f('fk_shadow_predictions_version_id_model_versions'), ondelete='CASCADE'),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_shadow_predictions')),
        sa.UniqueConstraint('post_id', 'version_id', name=op.f('uq_shadow_predictions_post_id_version_id')),
    )
    op.create_index(op.f('ix_shadow_predictions_version_id_at'), 'shadow_predictions', ['version_id', 'at'])


def downgrade() -> None:
    """Take it back."""
    op.drop_table('shadow_predictions')
    op.drop_table('model_versions')
