"""crm."""

import sqlalchemy as sa
from alembic import op

import overheard.db

revision = '0019'
down_revision = '0018'
branch_labels = None
depends_on = None

_UTC = overheard.db.UtcDateTime(timezone=True)
_WORD = sa.String(32)

# What happens to leads is written down while anybody wants to know: a webhook, or from now on a CRM too.
_HAPPENED = (
    'INSERT INTO lead_news (lead_id, campaign_id, action, from_stage, to_stage, at) '
    'SELECT NEW.lead_id, campaign_id, NEW.action, NEW.from_stage, NEW.to_stage, NEW.at '
    'FROM leads WHERE id = NEW.lead_id AND ({listens})'
)
_GONE = 'INSERT INTO lead_news (lead_id, campaign_id, at) SELECT OLD.id, OLD.campaign_id, {now} WHERE {listens}'
_TRIGGERS = {
    'lead_events_news': ('INSERT', 'lead_events', _HAPPENED),
    'leads_news': ('DELETE', 'leads', _GONE),
}
_WEBHOOKS = 'EXISTS (SELECT 1 FROM webhooks)'
_ANYBODY = _WEBHOOKS + ' OR EXISTS (SELECT 1 FROM crm_connections)'


def upgrade() -> None:
    """crm."""
    op.create_table(
        'crm_connections',
        sa.Column('id', sa.Integer(), nullable=False),
        sa.Column('platform', _WORD, nullable=False),
        sa.Column('name', sa.Text(), nullable=False),
        sa.Column('address', sa.Text(), nullable=False),
        sa.Column('sealed', sa.LargeBinary(), nullable=False),
        sa.Column('remote_stages', sa.JSON(), nullable=False),
        sa.Column('stages_out', sa.JSON(), nullable=False),
        sa.Column('stages_in', sa.JSON(), nullable=False),
        sa.Column('push_from', _WORD, nullable=False),
        sa.Column('campaign_id', sa.Integer(), nullable=True),
        sa.Column('with_text', sa.Boolean(), nullable=False),
        sa.Column('with_notes', sa.Boolean(), nullable=False),
        sa.Column('with_contact', sa.Boolean(), nullable=False),
        sa.Column('last_error', sa.Text(), nullable=True),
        sa.Column('polled_at', _UTC, nullable=True),
        sa.Column('created_at', _UTC, nullable=False),
        sa.Column('created_by_id', sa.Integer(), nullable=False),
        sa.Column('paused_at', _UTC, nullable=True),
        sa.Column('failing_since', _UTC, nullable=True),
        sa.Column('resting_until', _UTC, nullable=True),
        sa.ForeignKeyConstraint(['campaign_id'], ['campaigns.id'], name=op.f('fk_crm_connections_campaign_id_campaigns'), ondelete='CASCADE'),
        sa.ForeignKeyConstraint(['created_by_id'], ['users.id'], name=op.f('fk_crm_connections_created_by_id_users')),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_crm_connections')),
    )
    op.create_index(op.f('ix_crm_connections_campaign_id'), 'crm_connections', ['campaign_id'])
    op.create_table(
        'crm_links',
        sa.Column('id', sa.Integer(), nullable=False),
        sa.Column('connection_id', sa.Integer(), nullable=False),
        sa.Column('lead_id', sa.Integer(), nullable=False),
        sa.Column('campaign_id', sa.Integer(), nullable=False),
        sa.Column('state', _WORD, nullable=False),
        sa.Column('version', sa.Integer(), nullable=False),
        sa.Column('next_at', _UTC, nullable=False),
        sa.Column('attempts', sa.Integer(), nullable=False),
        sa.Column('error', sa.Text(), nullable=True),
        sa.Column('remote_id', sa.Text(), nullable=True),
        sa.Column('contact_id', sa.Text(), nullable=True),
        sa.Column('note_id', sa.Text(), nullable=True),
        sa.Column('pushed_hash', sa.Text(), nullable=True),
        sa.Column('pushed_stage', _WORD, nullable=True),
        sa.Column('pushed_at', _UTC, nullable=True),
        sa.Column('remote_stage', sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(['connection_id'], ['crm_connections.id'], name=op.f('fk_crm_links_connection_id_crm_connections'), ondelete='CASCADE'),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_crm_links')),
        sa.UniqueConstraint('connection_id', 'lead_id', name=op.f('uq_crm_links_connection_id_lead_id')),
    )
    op.create_index(op.f('ix_crm_links_lead_id'), 'crm_links', ['lead_id'])
    op.create_index(op.f('ix_crm_links_state_next_at'), 'crm_links', ['state', 'next_at'])
    op.create_table(
        'crm_log',
        sa.Column('id', sa.Integer(), nullable=False),
        sa.Column('connection_id', sa.Integer(), nullable=False),
        sa.Column('lead_id', sa.Integer(), nullable=True),
        sa.Column('deed', _WORD, nullable=False),
        sa.Column('told', sa.Text(), nullable=True),
        sa.Column('at', _UTC, nullable=False),
        sa.ForeignKeyConstraint(['connection_id'], ['crm_connections.id'], name=op.f('fk_crm_log_connection_id_crm_connections'), ondelete='CASCADE'),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_crm_log')),
    )
    op.create_index(op.f('ix_crm_log_connection_id'), 'crm_log', ['connection_id'])
    _let_triggers_listen_for(_ANYBODY)


def _let_triggers_listen_for(listens: str) -> None:
    is_postgresql = op.get_bind().dialect.name == 'postgresql'
    now = 'now()' if is_postgresql else "strftime('%Y-%m-%d %H:%M:%f000', 'now')"
    for name, (deed, table, statement) in _TRIGGERS.items():
        statement = statement.replace('{now}', now).replace('{listens}', listens)
        if is_postgresql:
            op.execute(
                f'CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS '
                f'$$ BEGIN {statement}; RETURN NULL; END $$'
            )
        else:
            op.execute(f'DROP TRIGGER {name}')
            op.execute(f'CREATE TRIGGER {name} AFTER {deed} ON {table} BEGIN {statement}; END')


def downgrade() -> None:
    """Take it back."""
    _let_triggers_listen_for(_WEBHOOKS)
    for table in ('crm_log', 'crm_links', 'crm_connections'):
        op.drop_table(table)
