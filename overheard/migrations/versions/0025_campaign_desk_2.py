"""quiet hours, who is told."""

import sqlalchemy as sa
from alembic import op

import overheard.db

revision = '0025'
down_revision = '0024'
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Who set a rule that tells by mail is the first whom it tells."""
    op.add_column('campaigns', sa.Column('quiet_from', sa.Integer(), nullable=True))
    op.add_column('campaigns', sa.Column('quiet_until', sa.Integer(), nullable=True))
    utc = overheard.db.UtcDateTime(timezone=True)
    op.create_table(
        'alert_recipients',
        sa.Column('id', sa.Integer(), nullable=False),
        sa.Column('rule_id', sa.Integer(), nullable=False),
        sa.Column('user_id', sa.Integer(), nullable=False),
        sa.Column('paused_at', utc, nullable=True),
        sa.Column('failing_since', utc, nullable=True),
        sa.Column('resting_until', utc, nullable=True),
        sa.ForeignKeyConstraint(['rule_id'], ['alert_rules.id'], name=op.f('fk_alert_recipients_rule_id_alert_rules'), ondelete='CASCADE'),
        sa.ForeignKeyConstraint(['user_id'], ['users.id'], name=op.f('fk_alert_recipients_user_id_users'), ondelete='CASCADE'),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_alert_recipients')),
        sa.UniqueConstraint('rule_id', 'user_id', name=op.f('uq_alert_recipients_rule_id_user_id')),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f('ix_alert_recipients_user_id'), 'alert_recipients', ['user_id'])
    op.add_column('outbound_deliveries', sa.Column('recipient_id', sa.Integer(), nullable=True))
    op.execute(
        'INSERT INTO alert_recipients (rule_id, user_id, paused_at, failing_since, resting_until) '
        "SELECT id, user_id, paused_at, failing_since, resting_until FROM alert_rules WHERE way = 'mail'"
    )
    op.execute("UPDATE alert_rules SET paused_at = NULL, failing_since = NULL, resting_until = NULL WHERE way = 'mail'")
    op.execute(
        'UPDATE outbound_deliveries SET recipient_id = '
        '(SELECT id FROM alert_recipients WHERE alert_recipients.rule_id = outbound_deliveries.rule_id) '
        'WHERE rule_id IS NOT NULL AND webhook_id IS NULL'
    )


def downgrade() -> None:
    """Who set a rule is told of it alone again."""
    op.execute(
        'UPDATE alert_rules SET '
        + ', '.join(
            f'{name} = (SELECT {name} FROM alert_recipients AS told '
            'WHERE told.rule_id = alert_rules.id AND told.user_id = alert_rules.user_id)'
            for name in ('paused_at', 'failing_since', 'resting_until')
        )
        + " WHERE way = 'mail'"
    )
    op.execute(
        'DELETE FROM outbound_deliveries WHERE recipient_id IN (SELECT told.id FROM alert_recipients AS told '
        'JOIN alert_rules ON alert_rules.id = told.rule_id WHERE told.user_id <> alert_rules.user_id)'
    )
    op.drop_column('outbound_deliveries', 'recipient_id')
    op.drop_table('alert_recipients')
    op.drop_column('campaigns', 'quiet_until')
    op.drop_column('campaigns', 'quiet_from')
