"""what was erased on request."""

import hashlib
import re

import sqlalchemy as sa
from alembic import op

import overheard.db

revision = '0024'
down_revision = '0023'
branch_labels = None
depends_on = None

_UTC = overheard.db.UtcDateTime(timezone=True)


def upgrade() -> None:
    """Receipts, the backups that may still hold what was erased, and who is not to be listened to at all."""
    op.create_table(
        'erasures',
        sa.Column('id', sa.Integer(), nullable=False),
        sa.Column('receipt', sa.Text(), nullable=False),
        sa.Column('at', _UTC, nullable=False),
        sa.Column('actor_id', sa.Integer(), nullable=True),
        sa.Column('kind', sa.String(length=32), nullable=False),
        sa.Column('platform', sa.String(length=32), nullable=False),
        sa.Column('subject_hash', sa.Text(), nullable=False),
        sa.Column('key_check', sa.Text(), nullable=False),
        sa.Column('tombstones', sa.JSON(), nullable=False),
        sa.Column('reason', sa.Text(), nullable=False),
        sa.Column('is_for_good', sa.Boolean(), nullable=False),
        sa.Column('counts', sa.JSON(), nullable=False),
        sa.Column('learned', sa.JSON(), nullable=False),
        sa.Column('backups', sa.Integer(), nullable=False),
        sa.Column('backups_until', _UTC, nullable=True),
        sa.Column('replayed_at', _UTC, nullable=True),
        sa.ForeignKeyConstraint(['actor_id'], ['users.id'], name=op.f('fk_erasures_actor_id_users')),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_erasures')),
        sa.UniqueConstraint('receipt', name=op.f('uq_erasures_receipt')),
    )
    op.create_table(
        'backups',
        sa.Column('id', sa.Integer(), nullable=False),
        sa.Column('path', sa.Text(), nullable=False),
        sa.Column('at', _UTC, nullable=False),
        sa.Column('expires_at', _UTC, nullable=True),
        sa.Column('gone_at', _UTC, nullable=True),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_backups')),
        sa.UniqueConstraint('path', name=op.f('uq_backups_path')),
    )
    op.add_column(
        'do_not_contact', sa.Column('is_unheard', sa.Boolean(), server_default=sa.false(), nullable=False)
    )
    _hash_tombstones()


def _hash_tombstones() -> None:
    """An id that is an address may hold words of the text or a name; tombstones keep only a hash of such a one."""
    tombstones = sa.table('tombstones', sa.column('id', sa.Integer), sa.column('external_id', sa.Text))
    connection, last = op.get_bind(), 0
    while True:
        some = sa.select(tombstones.c.id, tombstones.c.external_id).where(tombstones.c.id > last)
        rows = connection.execute(some.order_by(tombstones.c.id).limit(10_000)).all()
        if not rows:
            return
        last = rows[-1].id
        hashed = [
            {'row': row_id, 'hash': f'sha256:{hashlib.sha256(external_id.encode()).hexdigest()}'}
            for row_id, external_id in rows
            if len(external_id) > 100 or not re.fullmatch(r'[\w.:]+', external_id, re.ASCII)
        ]
        if hashed:
            this = tombstones.c.id == sa.bindparam('row')
            connection.execute(sa.update(tombstones).where(this).values(external_id=sa.bindparam('hash')), hashed)


def downgrade() -> None:
    """Take it back. Tombstones keep their hashes: they are known by them, or else not any more."""
    op.drop_column('do_not_contact', 'is_unheard')
    op.drop_table('backups')
    op.drop_table('erasures')
