"""datasets."""

import sqlalchemy as sa
from alembic import op

import overheard.db

revision = '0017'
down_revision = '0016'
branch_labels = None
depends_on = None


def upgrade() -> None:
    """datasets."""
    op.create_table('datasets',
        sa.Column('id', sa.Integer(), nullable=False),
        sa.Column('checksum', sa.Text(), nullable=False),
        sa.Column('created_at', overheard.db.UtcDateTime(timezone=True), nullable=False),
        sa.Column('examples', sa.Integer(), nullable=False),
        sa.Column('lines', sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_datasets')),
        sa.UniqueConstraint('checksum', name=op.f('uq_datasets_checksum')),
    )
    op.create_table('dataset_examples',
        sa.Column('id', sa.Integer(), nullable=False),
        sa.Column('dataset_id', sa.Integer(), nullable=False),
        sa.Column('post_id', sa.Integer(), nullable=False),
        sa.Column('text_hash', sa.Text(), nullable=False),
        sa.Column('is_lead', sa.Boolean(), nullable=False),
        sa.Column('intent', sa.Enum('recommendation', 'alternative', 'comparison', 'purchase', 'pain', 'promotion', 'support', 'advice', 'discussion', name='intent', native_enum=False, length=32), nullable=True),
        sa.Column('weight', sa.Double(), nullable=False),
        sa.Column('origin', sa.Text(), nullable=False),
        sa.Column('side', sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(['dataset_id'], ['datasets.id'], name=op.f('fk_dataset_examples_dataset_id_datasets'), ondelete='CASCADE'),
        sa.ForeignKeyConstraint(['post_id'], ['posts.id'], name=op.f('fk_dataset_examples_post_id_posts'), ondelete='CASCADE'),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_dataset_examples')),
        sa.UniqueConstraint('dataset_id', 'post_id', name=op.f('uq_dataset_examples_dataset_id_post_id')),
    )
    op.create_index('ix_dataset_examples_post_id', 'dataset_examples', ['post_id'])
    op.create_table('cached_vectors',
        sa.Column('id', sa.Integer(), nullable=False),
        sa.Column('reader', sa.Text(), nullable=False),
        sa.Column('text_hash', sa.Text(), nullable=False),
        sa.Column('post_id', sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(['post_id'], ['posts.id'], name=op.f('fk_cached_vectors_post_id_posts'), ondelete='SET NULL'),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_cached_vectors')),
        sa.UniqueConstraint('reader', 'text_hash', name=op.f('uq_cached_vectors_reader_text_hash')),
    )
    op.create_index('ix_cached_vectors_post_id', 'cached_vectors', ['post_id'])


def downgrade() -> None:
    """Take it back."""
    op.drop_table('cached_vectors')
    op.drop_table('dataset_examples')
    op.drop_table('datasets')
