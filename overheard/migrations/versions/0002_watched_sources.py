"""watched sources."""

import sqlalchemy as sa
from alembic import op
import overheard.db


revision = '0002'
down_revision = '0001'
branch_labels = None
depends_on = None


def upgrade() -> None:
    """watched sources."""
    op.create_table('credentials',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('mode', sa.Text(), nullable=False),
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('sealed', sa.LargeBinary(), nullable=False),
    sa.Column('changed_at', overheard.db.UtcDateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_credentials')),
    sa.UniqueConstraint('mode', 'name', name=op.f('uq_credentials_mode_name'))
    )
    op.create_table('deliveries',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('credential_id', sa.Integer(), nullable=False),
    sa.Column('delivery_id', sa.Text(), nullable=False),
    sa.Column('address', sa.Text(), nullable=False),
    sa.Column('raw', sa.LargeBinary(), nullable=False),
    sa.Column('received_at', overheard.db.UtcDateTime(timezone=True), nullable=False),
    sa.Column('taken_at', overheard.db.UtcDateTime(timezone=True), nullable=True),
    sa.ForeignKeyConstraint(['credential_id'], ['credentials.id'], name=op.f('fk_deliveries_credential_id_credentials'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_deliveries')),
    sa.UniqueConstraint('credential_id', 'delivery_id', name=op.f('uq_deliveries_credential_id_delivery_id'))
    )
    with op.batch_alter_table('deliveries', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_deliveries_credential_id_address_taken_at'), ['credential_id', 'address', 'taken_at'], unique=False)

    op.create_table('usage',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('source_id', sa.Integer(), nullable=False),
    sa.Column('day', sa.Date(), nullable=False),
    sa.Column('requests', sa.Integer(), nullable=False),
    sa.Column('cost', sa.Double(), nullable=False),
    sa.ForeignKeyConstraint(['source_id'], ['sources.id'], name=op.f('fk_usage_source_id_sources'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_usage')),
    sa.UniqueConstraint('source_id', 'day', name=op.f('uq_usage_source_id_day'))
    )
    # Columns are added in place: SQLite would otherwise copy the table, and dropping the old one would delete by
    # foreign key what hangs on it.
    utc = overheard.db.UtcDateTime(timezone=True)
    op.add_column('gaps', sa.Column('repaired_at', utc, nullable=True))

    op.add_column('posts', sa.Column('checked_at', utc, nullable=True))
    op.add_column('posts', sa.Column('recheck_at', utc, nullable=True))
    op.drop_index(op.f('ix_posts_source_id'), table_name='posts')
    op.create_index(op.f('ix_posts_platform_author'), 'posts', ['platform', 'author'], unique=False)
    op.create_index(op.f('ix_posts_source_id_checked_at'), 'posts', ['source_id', 'checked_at'], unique=False)
    op.create_index(op.f('ix_posts_source_id_id'), 'posts', ['source_id', 'id'], unique=False)

    state = sa.Enum('watching', 'paused', 'needs_operator', name='sourcestate', native_enum=False, length=32)
    if op.get_bind().dialect.name == 'sqlite':  # which takes a foreign key only in the same breath, and nameless
        credential = sa.Column('credential_id', sa.Integer(), sa.ForeignKey('credentials.id'), nullable=True)
        op.add_column('sources', credential, inline_references=True)
    else:
        op.add_column('sources', sa.Column('credential_id', sa.Integer(), nullable=True))
        name = op.f('fk_sources_credential_id_credentials')
        op.create_foreign_key(name, 'sources', 'credentials', ['credential_id'], ['id'])
    for column in (
        sa.Column('mode', sa.Text(), nullable=True),
        sa.Column('address', sa.Text(), nullable=True),
        sa.Column('options', sa.JSON(), nullable=True),
        sa.Column('state', state, nullable=True),
        sa.Column('terms', sa.JSON(), nullable=True),
        sa.Column('retention_hours', sa.Integer(), nullable=True),
        sa.Column('permitted_by', sa.Text(), nullable=True),
        sa.Column('permitted_at', utc, nullable=True),
        sa.Column('interval', sa.Double(), nullable=True),
        sa.Column('next_run_at', utc, nullable=True),
        sa.Column('not_before', utc, nullable=True),
        sa.Column('failures', sa.Integer(), server_default='0', nullable=False),
        sa.Column('last_error', sa.Text(), nullable=True),
        sa.Column('last_error_at', utc, nullable=True),
        sa.Column('budget', sa.JSON(), nullable=True),
    ):
        op.add_column('sources', column)
    op.create_index(op.f('ix_sources_credential_id'), 'sources', ['credential_id'], unique=False)
    # Hacker News was read without being asked to: whoever has read it goes on.
    op.execute(
        "UPDATE sources SET mode = 'hackernews', address = '', options = '{}', state = 'watching' "
        "WHERE platform = 'hackernews' AND cursor IS NOT NULL"
    )


def downgrade() -> None:
    """Take it back. With posts in it an SQLite file refuses (it would have to copy `sources`): restore a backup."""
    with op.batch_alter_table('sources', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_sources_credential_id'))
        for column in (
            'budget', 'last_error_at', 'last_error', 'failures', 'not_before', 'next_run_at', 'interval',
            'permitted_at', 'permitted_by', 'retention_hours', 'terms', 'state', 'credential_id', 'options', 'address',
            'mode',
        ):
            batch_op.drop_column(column)
    op.drop_index(op.f('ix_posts_source_id_id'), table_name='posts')
    op.drop_index(op.f('ix_posts_source_id_checked_at'), table_name='posts')
    op.drop_index(op.f('ix_posts_platform_author'), table_name='posts')
    op.create_index(op.f('ix_posts_source_id'), 'posts', ['source_id'], unique=False)
    op.drop_column('posts', 'checked_at')
    op.drop_column('posts', 'recheck_at')
    op.drop_column('gaps', 'repaired_at')
    op.drop_table('usage')
    op.drop_table('deliveries')
    op.drop_table('credentials')
