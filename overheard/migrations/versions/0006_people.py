"""people."""

from typing import Any

import sqlalchemy as sa
from alembic import op

import overheard.db

revision = '0006'
down_revision = '0005'
branch_labels = None
depends_on = None

_UTC = overheard.db.UtcDateTime(timezone=True)
_ADDED: tuple[tuple[str, sa.Column[Any]], ...] = (
    ('users', sa.Column('oidc_subject', sa.Text(), nullable=True)),
    ('users', sa.Column('last_seen_at', _UTC, nullable=True)),
    ('logins', sa.Column('user_agent', sa.Text(), nullable=True)),
    ('logins', sa.Column('last_seen_at', _UTC, nullable=True)),
    ('login_failures', sa.Column('client_hash', sa.Text(), nullable=True)),
    ('api_tokens', sa.Column('last_used_at', _UTC, nullable=True)),
)
_SCOPES = 'read decide reply tune admin'


def upgrade() -> None:
    """people."""
    for table, column in _ADDED:  # in place: see 0002
        op.add_column(table, column)
    op.add_column('api_tokens', sa.Column('scopes', sa.Text(), server_default=_SCOPES, nullable=False))
    op.create_index(op.f('ix_users_oidc_subject'), 'users', ['oidc_subject'], unique=True)
    op.create_index(op.f('ix_login_failures_client_hash_at'), 'login_failures', ['client_hash', 'at'])
    op.create_table('audit_log',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('at', _UTC, nullable=False),
    sa.Column('actor_id', sa.Integer(), nullable=True),
    sa.Column('action', sa.String(length=32), nullable=False),
    sa.Column('subject', sa.Text(), nullable=False),
    sa.Column('detail', sa.Text(), nullable=False),
    sa.ForeignKeyConstraint(['actor_id'], ['users.id'], name=op.f('fk_audit_log_actor_id_users')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_audit_log'))
    )
    op.create_index(op.f('ix_audit_log_action_id'), 'audit_log', ['action', 'id'])
    op.create_index(op.f('ix_audit_log_actor_id_id'), 'audit_log', ['actor_id', 'id'])
    op.create_table('digest_settings',
    sa.Column('user_id', sa.Integer(), nullable=False),
    sa.Column('rhythm', sa.String(length=32), nullable=False),
    sa.Column('way', sa.String(length=32), nullable=False),
    sa.Column('hook', sa.LargeBinary(), nullable=True),
    sa.Column('hour', sa.Integer(), nullable=False),
    sa.Column('time_zone', sa.Text(), nullable=False),
    sa.Column('quiet_from', sa.Integer(), nullable=True),
    sa.Column('quiet_until', sa.Integer(), nullable=True),
    sa.Column('changed_at', _UTC, nullable=False),
    sa.ForeignKeyConstraint(['user_id'], ['users.id'], name=op.f('fk_digest_settings_user_id_users'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('user_id', name=op.f('pk_digest_settings'))
    )
    op.create_table('digests',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('user_id', sa.Integer(), nullable=False),
    sa.Column('due_at', _UTC, nullable=False),
    sa.Column('way', sa.String(length=32), nullable=False),
    sa.Column('begun_at', _UTC, nullable=False),
    sa.Column('sent_at', _UTC, nullable=True),
    sa.Column('error', sa.Text(), nullable=True),
    sa.ForeignKeyConstraint(['user_id'], ['users.id'], name=op.f('fk_digests_user_id_users'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_digests')),
    sa.UniqueConstraint('user_id', 'due_at', name=op.f('uq_digests_user_id_due_at'))
    )
    op.create_table('notices',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('user_id', sa.Integer(), nullable=False),
    sa.Column('kind', sa.String(length=32), nullable=False),
    sa.Column('text', sa.Text(), nullable=False),
    sa.Column('link', sa.Text(), nullable=True),
    sa.Column('at', _UTC, nullable=False),
    sa.Column('read_at', _UTC, nullable=True),
    sa.Column('key', sa.Text(), nullable=True),
    sa.Column('digest_id', sa.Integer(), nullable=True),
    sa.ForeignKeyConstraint(['digest_id'], ['digests.id'], name=op.f('fk_notices_digest_id_digests')),
    sa.ForeignKeyConstraint(['user_id'], ['users.id'], name=op.f('fk_notices_user_id_users'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_notices')),
    sa.UniqueConstraint('user_id', 'key', name=op.f('uq_notices_user_id_key'))
    )
    op.create_index(op.f('ix_notices_user_id_read_at'), 'notices', ['user_id', 'read_at'])
    op.create_index(op.f('ix_notices_digest_id'), 'notices', ['digest_id'])
    _make_append_only()


def _make_append_only() -> None:
    """What was done here cannot be rewritten, by whatever code, and not be taken away either."""
    for deed in ('UPDATE', 'DELETE'):
        name = f'audit_log_no_{deed.lower()}'
        if op.get_bind().dialect.name == 'postgresql':
            op.execute(
                f'CREATE TRIGGER {name} BEFORE {deed} ON audit_log FOR EACH ROW EXECUTE FUNCTION refuse_update()'
            )
        else:
            op.execute(
                f"CREATE TRIGGER {name} BEFORE {deed} ON audit_log "
                "BEGIN SELECT RAISE(ABORT, 'audit_log is append-only'); END"
            )


def downgrade() -> None:
    """Take it back."""
    for table in ('notices', 'digests', 'digest_settings', 'audit_log'):
        op.drop_table(table)
    op.drop_index(op.f('ix_login_failures_client_hash_at'), 'login_failures')
    op.drop_index(op.f('ix_users_oidc_subject'), 'users')
    op.drop_column('api_tokens', 'scopes')
    for table, column in reversed(_ADDED):
        op.drop_column(table, column.name)
