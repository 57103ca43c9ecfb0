"""alerts."""

import sqlalchemy as sa
from alembic import op

import overheard.db


revision = '0012'
down_revision = '0011'
branch_labels = None
depends_on = None

_UTC = overheard.db.UtcDateTime(timezone=True)
_WORD = sa.String(32)

# Whatever happens to a lead is written down for the webhooks in the same transaction, whoever does it. The columns are
# those of lead_news behind its id.
_HAPPENED = (
    'INSERT INTO lead_news (lead_id, campaign_id, action, from_stage, to_stage, at) '
    'SELECT NEW.lead_id, campaign_id, NEW.action, NEW.from_stage, NEW.to_stage, NEW.at '
    'FROM leads WHERE id = NEW.lead_id AND EXISTS (SELECT 1 FROM webhooks)'
)
_GONE = (
    'INSERT INTO lead_news (lead_id, campaign_id, at) '
    'SELECT OLD.id, OLD.campaign_id, {now} WHERE EXISTS (SELECT 1 FROM webhooks)'
)
_TRIGGERS = {
    'lead_events_news': ('INSERT', 'lead_events', _HAPPENED),
    'leads_news': ('DELETE', 'leads', _GONE),
}


def upgrade() -> None:
    """alerts."""
    op.create_table(
        'webhooks',
        sa.Column('id', sa.Integer(), nullable=False),
        sa.Column('name', sa.Text(), nullable=False),
        sa.Column('host', sa.Text(), nullable=False),
        sa.Column('sealed', sa.LargeBinary(), nullable=False),
        sa.Column('former_until', _UTC, nullable=True),
        sa.Column('events', sa.Text(), nullable=False),
        sa.Column('campaign_id', sa.Integer(), nullable=True),
        sa.Column('with_text', sa.Boolean(), nullable=False),
        sa.Column('created_at', _UTC, nullable=False),
        sa.Column('created_by_id', sa.Integer(), nullable=False),
        sa.Column('paused_at', _UTC, nullable=True),
        sa.Column('failing_since', _UTC, nullable=True),
        sa.Column('resting_until', _UTC, nullable=True),
        sa.ForeignKeyConstraint(['campaign_id'], ['campaigns.id'], name=op.f('fk_webhooks_campaign_id_campaigns'), ondelete='CASCADE'),
        sa.ForeignKeyConstraint(['created_by_id'], ['users.id'], name=op.f('fk_webhooks_created_by_id_users')),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_webhooks')),
    )
    op.create_index(op.f('ix_webhooks_campaign_id'), 'webhooks', ['campaign_id'])
    op.create_table(
        'alert_rules',
        sa.Column('id', sa.Integer(), nullable=False),
        sa.Column('user_id', sa.Integer(), nullable=False),
        sa.Column('name', sa.Text(), nullable=False),
        sa.Column('campaign_id', sa.Integer(), nullable=True),
        sa.Column('view_id', sa.Integer(), nullable=True),
        sa.Column('rhythm', _WORD, nullable=False),
        sa.Column('way', _WORD, nullable=False),
        sa.Column('hook', sa.LargeBinary(), nullable=True),
        sa.Column('webhook_id', sa.Integer(), nullable=True),
        sa.Column('hour', sa.Integer(), nullable=False),
        sa.Column('quiet_from', sa.Integer(), nullable=True),
        sa.Column('quiet_until', sa.Integer(), nullable=True),
        sa.Column('min_score', sa.Double(), nullable=True),
        sa.Column('with_text', sa.Boolean(), nullable=False),
        sa.Column('changed_at', _UTC, nullable=False),
        sa.Column('told_at', _UTC, nullable=True),
        sa.Column('paused_at', _UTC, nullable=True),
        sa.Column('failing_since', _UTC, nullable=True),
        sa.Column('resting_until', _UTC, nullable=True),
        sa.ForeignKeyConstraint(['campaign_id'], ['campaigns.id'], name=op.f('fk_alert_rules_campaign_id_campaigns'), ondelete='CASCADE'),
        sa.ForeignKeyConstraint(['user_id'], ['users.id'], name=op.f('fk_alert_rules_user_id_users'), ondelete='CASCADE'),
        sa.ForeignKeyConstraint(['view_id'], ['saved_views.id'], name=op.f('fk_alert_rules_view_id_saved_views'), ondelete='CASCADE'),
        sa.ForeignKeyConstraint(['webhook_id'], ['webhooks.id'], name=op.f('fk_alert_rules_webhook_id_webhooks'), ondelete='CASCADE'),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_alert_rules')),
    )
    op.create_index(op.f('ix_alert_rules_campaign_id'), 'alert_rules', ['campaign_id'])
    op.create_index(op.f('ix_alert_rules_user_id'), 'alert_rules', ['user_id'])
    op.create_index(op.f('ix_alert_rules_view_id'), 'alert_rules', ['view_id'])
    op.create_index(op.f('ix_alert_rules_webhook_id'), 'alert_rules', ['webhook_id'])
    op.create_table(
        'lead_news',
        sa.Column('id', sa.Integer(), nullable=False),
        sa.Column('lead_id', sa.Integer(), nullable=False),
        sa.Column('campaign_id', sa.Integer(), nullable=False),
        sa.Column('action', _WORD, nullable=True),
        sa.Column('from_stage', _WORD, nullable=True),
        sa.Column('to_stage', _WORD, nullable=True),
        sa.Column('at', _UTC, nullable=False),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_lead_news')),
        sqlite_autoincrement=True,
    )
    op.create_table(
        'outbound_deliveries',
        sa.Column('id', sa.Integer(), nullable=False),
        sa.Column('key', sa.Text(), nullable=False),
        sa.Column('event', _WORD, nullable=False),
        sa.Column('webhook_id', sa.Integer(), nullable=True),
        sa.Column('rule_id', sa.Integer(), nullable=True),
        sa.Column('lead_id', sa.Integer(), nullable=True),
        sa.Column('campaign_id', sa.Integer(), nullable=True),
        sa.Column('from_stage', _WORD, nullable=True),
        sa.Column('to_stage', _WORD, nullable=True),
        sa.Column('at', _UTC, nullable=False),
        sa.Column('state', _WORD, nullable=False),
        sa.Column('next_at', _UTC, nullable=False),
        sa.Column('attempts', sa.Integer(), nullable=False),
        sa.Column('status', sa.Integer(), nullable=True),
        sa.Column('answer', sa.Text(), nullable=True),
        sa.Column('error', sa.Text(), nullable=True),
        sa.Column('sent_at', _UTC, nullable=True),
        sa.ForeignKeyConstraint(['rule_id'], ['alert_rules.id'], name=op.f('fk_outbound_deliveries_rule_id_alert_rules'), ondelete='CASCADE'),
        sa.ForeignKeyConstraint(['webhook_id'], ['webhooks.id'], name=op.f('fk_outbound_deliveries_webhook_id_webhooks'), ondelete='CASCADE'),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_outbound_deliveries')),
        sa.UniqueConstraint('key', name=op.f('uq_outbound_deliveries_key')),
    )
    op.create_index(op.f('ix_outbound_deliveries_lead_id'), 'outbound_deliveries', ['lead_id'])
    op.create_index(op.f('ix_outbound_deliveries_rule_id'), 'outbound_deliveries', ['rule_id'])
    op.create_index(op.f('ix_outbound_deliveries_state_next_at'), 'outbound_deliveries', ['state', 'next_at'])
    op.create_index(op.f('ix_outbound_deliveries_webhook_id'), 'outbound_deliveries', ['webhook_id'])
    op.create_table(
        'alerted_leads',
        sa.Column('id', sa.Integer(), nullable=False),
        sa.Column('rule_id', sa.Integer(), nullable=False),
        sa.Column('lead_id', sa.Integer(), nullable=False),
        sa.Column('delivery_id', sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(['delivery_id'], ['outbound_deliveries.id'], name=op.f('fk_alerted_leads_delivery_id_outbound_deliveries'), ondelete='SET NULL'),
        sa.ForeignKeyConstraint(['lead_id'], ['leads.id'], name=op.f('fk_alerted_leads_lead_id_leads'), ondelete='CASCADE'),
        sa.ForeignKeyConstraint(['rule_id'], ['alert_rules.id'], name=op.f('fk_alerted_leads_rule_id_alert_rules'), ondelete='CASCADE'),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_alerted_leads')),
        sa.UniqueConstraint('rule_id', 'lead_id', name=op.f('uq_alerted_leads_rule_id_lead_id')),
    )
    op.create_index(op.f('ix_alerted_leads_delivery_id'), 'alerted_leads', ['delivery_id'])
    op.create_index(op.f('ix_alerted_leads_lead_id'), 'alerted_leads', ['lead_id'])
    op.create_table(
        'queue_feeds',
        sa.Column('id', sa.Integer(), nullable=False),
        sa.Column('user_id', sa.Integer(), nullable=False),
        sa.Column('view_id', sa.Integer(), nullable=True),
        sa.Column('token_hash', sa.Text(), nullable=False),
        sa.Column('prefix', sa.Text(), nullable=False),
        sa.Column('with_text', sa.Boolean(), nullable=False),
        sa.Column('created_at', _UTC, nullable=False),
        sa.Column('revoked_at', _UTC, nullable=True),
        sa.ForeignKeyConstraint(['user_id'], ['users.id'], name=op.f('fk_queue_feeds_user_id_users'), ondelete='CASCADE'),
        sa.ForeignKeyConstraint(['view_id'], ['saved_views.id'], name=op.f('fk_queue_feeds_view_id_saved_views'), ondelete='CASCADE'),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_queue_feeds')),
        sa.UniqueConstraint('token_hash', name=op.f('uq_queue_feeds_token_hash')),
    )
    op.create_index(op.f('ix_queue_feeds_user_id'), 'queue_feeds', ['user_id'])
    op.create_index(op.f('ix_queue_feeds_view_id'), 'queue_feeds', ['view_id'])
    _make_triggers()


def _make_triggers() -> None:
    is_postgresql = op.get_bind().dialect.name == 'postgresql'
    now = 'now()' if is_postgresql else "strftime('%Y-%m-%d %H:%M:%f000', 'now')"
    for name, (deed, table, statement) in _TRIGGERS.items():
        statement = statement.replace('{now}', now)
        if is_postgresql:
            op.execute(
                f'CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS '
                f'$$ BEGIN {statement}; RETURN NULL; END $$'
            )
            op.execute(f'CREATE TRIGGER {name} AFTER {deed} ON {table} FOR EACH ROW EXECUTE FUNCTION {name}()')
        else:
            op.execute(f'CREATE TRIGGER {name} AFTER {deed} ON {table} BEGIN {statement}; END')


def downgrade() -> None:
    """Take it back."""
    is_postgresql = op.get_bind().dialect.name == 'postgresql'
    for name, (_, table, _) in _TRIGGERS.items():
        op.execute(f'DROP TRIGGER {name}' + (f' ON {table}' if is_postgresql else ''))
        if is_postgresql:
            op.execute(f'DROP FUNCTION {name}()')
    for table in (
        'queue_feeds', 'alerted_leads', 'outbound_deliveries', 'lead_news', 'alert_rules', 'webhooks'
    ):
        op.drop_table(table)
