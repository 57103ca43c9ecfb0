"""the desk."""

import sqlalchemy as sa
from alembic import op

import overheard.db

revision = '0005'
down_revision = '0004'
branch_labels = None
depends_on = None


def upgrade() -> None:
    """the desk."""
    op.create_table('connected_accounts',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('user_id', sa.Integer(), nullable=False),
    sa.Column('platform', sa.Enum('reddit', 'slack', 'hackernews', 'bluesky', 'mastodon', 'discourse', 'rss', 'stackexchange', 'github', 'discord', 'telegram', 'x', 'facebook', 'linkedin', 'quora', 'other', name='platform', native_enum=False, length=32), nullable=False),
    sa.Column('address', sa.Text(), nullable=False),
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('sealed', sa.LargeBinary(), nullable=False),
    sa.Column('connected_at', overheard.db.UtcDateTime(timezone=True), nullable=False),
    sa.Column('paused_at', overheard.db.UtcDateTime(timezone=True), nullable=True),
    sa.Column('paused_because', sa.Text(), nullable=True),
    sa.Column('answers_cursor', sa.Text(), nullable=True),
    sa.ForeignKeyConstraint(['user_id'], ['users.id'], name=op.f('fk_connected_accounts_user_id_users'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_connected_accounts')),
    sa.UniqueConstraint('user_id', 'platform', 'name', name=op.f('uq_connected_accounts_user_id_platform_name'))
    )
    op.create_table('do_not_contact',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('handle_hash', sa.Text(), nullable=False),
    sa.Column('reason', sa.Text(), nullable=False),
    sa.Column('at', overheard.db.UtcDateTime(timezone=True), nullable=False),
    sa.Column('actor_id', sa.Integer(), nullable=True),
    sa.ForeignKeyConstraint(['actor_id'], ['users.id'], name=op.f('fk_do_not_contact_actor_id_users')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_do_not_contact')),
    sa.UniqueConstraint('handle_hash', name=op.f('uq_do_not_contact_handle_hash'))
    )
    op.create_table('qualifying_questions',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('campaign_id', sa.Integer(), nullable=False),
    sa.Column('topic', sa.Enum('need', 'pain', 'budget', 'authority', 'timeline', 'area', 'industry', name='topic', native_enum=False, length=32), nullable=False),
    sa.Column('question', sa.Text(), nullable=False),
    sa.Column('retired_at', overheard.db.UtcDateTime(timezone=True), nullable=True),
    sa.ForeignKeyConstraint(['campaign_id'], ['campaigns.id'], name=op.f('fk_qualifying_questions_campaign_id_campaigns'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_qualifying_questions'))
    )
    op.create_index(op.f('ix_qualifying_questions_campaign_id'), 'qualifying_questions', ['campaign_id'])

    op.create_table('reply_stops',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('because', sa.Text(), nullable=False),
    sa.Column('at', overheard.db.UtcDateTime(timezone=True), nullable=False),
    sa.Column('actor_id', sa.Integer(), nullable=True),
    sa.Column('lifted_at', overheard.db.UtcDateTime(timezone=True), nullable=True),
    sa.ForeignKeyConstraint(['actor_id'], ['users.id'], name=op.f('fk_reply_stops_actor_id_users')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_reply_stops'))
    )
    op.create_table('saved_views',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('user_id', sa.Integer(), nullable=False),
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('params', sa.Text(), nullable=False),
    sa.Column('is_shared', sa.Boolean(), server_default=sa.false(), nullable=False),
    sa.ForeignKeyConstraint(['user_id'], ['users.id'], name=op.f('fk_saved_views_user_id_users'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_saved_views')),
    sa.UniqueConstraint('user_id', 'name', name=op.f('uq_saved_views_user_id_name'))
    )
    op.create_table('snippets',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('user_id', sa.Integer(), nullable=True),
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('text', sa.Text(), nullable=False),
    sa.Column('objection', sa.Text(), nullable=True),
    sa.Column('changed_at', overheard.db.UtcDateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['user_id'], ['users.id'], name=op.f('fk_snippets_user_id_users'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_snippets'))
    )
    op.create_index(op.f('ix_snippets_user_id'), 'snippets', ['user_id'])

    op.create_table('community_rules',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('source_id', sa.Integer(), nullable=False),
    sa.Column('text', sa.Text(), nullable=False),
    sa.Column('flags', sa.JSON(), nullable=False),
    sa.Column('fetched_at', overheard.db.UtcDateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['source_id'], ['sources.id'], name=op.f('fk_community_rules_source_id_sources'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_community_rules')),
    sa.UniqueConstraint('source_id', name=op.f('uq_community_rules_source_id'))
    )
    op.create_table('contacts',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('lead_id', sa.Integer(), nullable=False),
    sa.Column('kind', sa.Enum('email', 'phone', 'site', name='contactkind', native_enum=False, length=32), nullable=False),
    sa.Column('value', sa.Text(), nullable=False),
    sa.Column('is_reachable', sa.Boolean(), nullable=True),
    sa.Column('checked_at', overheard.db.UtcDateTime(timezone=True), nullable=True),
    sa.Column('finding', sa.Text(), nullable=True),
    sa.ForeignKeyConstraint(['lead_id'], ['leads.id'], name=op.f('fk_contacts_lead_id_leads'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_contacts')),
    sa.UniqueConstraint('lead_id', 'kind', 'value', name=op.f('uq_contacts_lead_id_kind_value'))
    )
    op.create_table('lead_tags',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('lead_id', sa.Integer(), nullable=False),
    sa.Column('tag', sa.Text(), nullable=False),
    sa.ForeignKeyConstraint(['lead_id'], ['leads.id'], name=op.f('fk_lead_tags_lead_id_leads'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_lead_tags')),
    sa.UniqueConstraint('lead_id', 'tag', name=op.f('uq_lead_tags_lead_id_tag'))
    )
    op.create_index(op.f('ix_lead_tags_tag'), 'lead_tags', ['tag'])

    op.create_table('qualifying_answers',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('lead_id', sa.Integer(), nullable=False),
    sa.Column('question_id', sa.Integer(), nullable=False),
    sa.Column('answer', sa.Text(), nullable=False),
    sa.Column('fits', sa.Boolean(), nullable=True),
    sa.Column('actor_id', sa.Integer(), nullable=False),
    sa.Column('at', overheard.db.UtcDateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['actor_id'], ['users.id'], name=op.f('fk_qualifying_answers_actor_id_users')),
    sa.ForeignKeyConstraint(['lead_id'], ['leads.id'], name=op.f('fk_qualifying_answers_lead_id_leads'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['question_id'], ['qualifying_questions.id'], name=op.f('fk_qualifying_answers_question_id_qualifying_questions'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_qualifying_answers')),
    sa.UniqueConstraint('lead_id', 'question_id', name=op.f('uq_qualifying_answers_lead_id_question_id'))
    )
    op.create_index(op.f('ix_qualifying_answers_question_id'), 'qualifying_answers', ['question_id'])

    op.create_table('replies',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('lead_id', sa.Integer(), nullable=True),
    sa.Column('post_id', sa.Integer(), nullable=True),
    sa.Column('platform', sa.Enum('reddit', 'slack', 'hackernews', 'bluesky', 'mastodon', 'discourse', 'rss', 'stackexchange', 'github', 'discord', 'telegram', 'x', 'facebook', 'linkedin', 'quora', 'other', name='platform', native_enum=False, length=32), nullable=False),
    sa.Column('community', sa.Text(), nullable=False),
    sa.Column('target', sa.Text(), nullable=False),
    sa.Column('recipient', sa.Text(), nullable=True),
    sa.Column('recipient_hash', sa.Text(), nullable=False),
    sa.Column('author_id', sa.Integer(), nullable=False),
    sa.Column('state', sa.Enum('draft', 'approved', 'sending', 'sent', 'failed', 'ambiguous', 'discarded', name='replystate', native_enum=False, length=32), nullable=False),
    sa.Column('way', sa.Enum('assisted', 'direct', name='replyway', native_enum=False, length=32), nullable=False),
    sa.Column('account_id', sa.Integer(), nullable=True),
    sa.Column('text', sa.Text(), nullable=False),
    sa.Column('sketch', sa.LargeBinary(), nullable=False),
    sa.Column('key', sa.Text(), nullable=False),
    sa.Column('created_at', overheard.db.UtcDateTime(timezone=True), nullable=False),
    sa.Column('changed_at', overheard.db.UtcDateTime(timezone=True), nullable=False),
    sa.Column('approved_at', overheard.db.UtcDateTime(timezone=True), nullable=True),
    sa.Column('approved_text_hash', sa.Text(), nullable=True),
    sa.Column('target_hash', sa.Text(), nullable=True),
    sa.Column('overrides', sa.JSON(), nullable=False),
    sa.Column('sending_until', overheard.db.UtcDateTime(timezone=True), nullable=True),
    sa.Column('sent_at', overheard.db.UtcDateTime(timezone=True), nullable=True),
    sa.Column('remote_id', sa.Text(), nullable=True),
    sa.Column('permalink', sa.Text(), nullable=True),
    sa.Column('error', sa.Text(), nullable=True),
    sa.Column('checked_at', overheard.db.UtcDateTime(timezone=True), nullable=True),
    sa.Column('removed_at', overheard.db.UtcDateTime(timezone=True), nullable=True),
    sa.ForeignKeyConstraint(['account_id'], ['connected_accounts.id'], name=op.f('fk_replies_account_id_connected_accounts'), ondelete='SET NULL'),
    sa.ForeignKeyConstraint(['author_id'], ['users.id'], name=op.f('fk_replies_author_id_users')),
    sa.ForeignKeyConstraint(['lead_id'], ['leads.id'], name=op.f('fk_replies_lead_id_leads'), ondelete='SET NULL'),
    sa.ForeignKeyConstraint(['post_id'], ['posts.id'], name=op.f('fk_replies_post_id_posts'), ondelete='SET NULL'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_replies')),
    sa.UniqueConstraint('key', name=op.f('uq_replies_key'))
    )
    op.create_index(op.f('ix_replies_account_id'), 'replies', ['account_id'])
    op.create_index(op.f('ix_replies_author_id'), 'replies', ['author_id'])
    op.create_index(op.f('ix_replies_lead_id'), 'replies', ['lead_id'])
    op.create_index(op.f('ix_replies_platform_recipient'), 'replies', ['platform', 'recipient'])
    op.create_index(op.f('ix_replies_post_id'), 'replies', ['post_id'])
    op.create_index(op.f('ix_replies_recipient_hash'), 'replies', ['recipient_hash'])
    op.create_index(op.f('ix_replies_state_approved_at'), 'replies', ['state', 'approved_at'])
    for name, columns, condition in (
        ('uq_replies_live', ['platform', 'target'], "state NOT IN ('failed', 'discarded')"),
        ('uq_replies_open', ['recipient_hash'], "state IN ('draft', 'approved', 'sending', 'ambiguous')"),
        ('uq_replies_sending', ['account_id'], "state = 'sending'"),
    ):
        where = sa.text(condition)
        op.create_index(name, 'replies', columns, unique=True, sqlite_where=where, postgresql_where=where)

    op.create_table('answers',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('reply_id', sa.Integer(), nullable=False),
    sa.Column('platform', sa.Enum('reddit', 'slack', 'hackernews', 'bluesky', 'mastodon', 'discourse', 'rss', 'stackexchange', 'github', 'discord', 'telegram', 'x', 'facebook', 'linkedin', 'quora', 'other', name='platform', native_enum=False, length=32), nullable=False),
    sa.Column('external_id', sa.Text(), nullable=False),
    sa.Column('author', sa.Text(), nullable=True),
    sa.Column('is_recipient', sa.Boolean(), nullable=False),
    sa.Column('text', sa.Text(), nullable=False),
    sa.Column('permalink', sa.Text(), nullable=True),
    sa.Column('posted_at', overheard.db.UtcDateTime(timezone=True), nullable=True),
    sa.Column('collected_at', overheard.db.UtcDateTime(timezone=True), nullable=False),
    sa.Column('proposed', sa.Enum('positive', 'question', 'negative', 'stop', name='answerkind', native_enum=False, length=32), nullable=True),
    sa.Column('proposed_score', sa.Double(), nullable=True),
    sa.Column('confirmed', sa.Enum('positive', 'question', 'negative', 'stop', name='answerkind', native_enum=False, length=32), nullable=True),
    sa.Column('confirmed_by_id', sa.Integer(), nullable=True),
    sa.Column('confirmed_at', overheard.db.UtcDateTime(timezone=True), nullable=True),
    sa.ForeignKeyConstraint(['confirmed_by_id'], ['users.id'], name=op.f('fk_answers_confirmed_by_id_users')),
    sa.ForeignKeyConstraint(['reply_id'], ['replies.id'], name=op.f('fk_answers_reply_id_replies'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_answers')),
    sa.UniqueConstraint('platform', 'external_id', name=op.f('uq_answers_platform_external_id'))
    )
    op.create_index(op.f('ix_answers_reply_id'), 'answers', ['reply_id'])

    op.add_column('users', sa.Column('affiliation', sa.Text(), nullable=True))

    # Columns are added in place: SQLite would otherwise copy `leads`, and dropping the old one would delete by foreign key
    # what hangs on it.
    for name, table in (('assignee_id', 'users'), ('claimed_by_id', 'users'), ('merged_into_id', 'leads')):
        _refer(name, table)
    for column in (
        sa.Column('claimed_until', overheard.db.UtcDateTime(timezone=True), nullable=True),
        sa.Column('snoozed_until', overheard.db.UtcDateTime(timezone=True), nullable=True),
        sa.Column('follow_up_on', sa.Date(), nullable=True),
        sa.Column('decision_maker', sa.Text(), nullable=True),
    ):
        op.add_column('leads', column)
    op.create_index(op.f('ix_leads_assignee_id'), 'leads', ['assignee_id'])
    op.create_index(op.f('ix_leads_follow_up_on'), 'leads', ['follow_up_on'])
    op.create_index(op.f('ix_leads_merged_into_id'), 'leads', ['merged_into_id'])
    op.create_index(op.f('ix_leads_platform_author'), 'leads', ['platform', 'author'])
    for timed in ('claimed_until', 'snoozed_until'):
        where = sa.text(f'{timed} IS NOT NULL')
        op.create_index(op.f(f'ix_leads_{timed}'), 'leads', [timed], sqlite_where=where, postgresql_where=where)


def _refer(name: str, table: str) -> None:
    """Add a foreign key to `leads`; SQLite takes one only in the same breath as its column, and nameless."""
    if op.get_bind().dialect.name == 'sqlite':
        column = sa.Column(name, sa.Integer(), sa.ForeignKey(f'{table}.id'), nullable=True)
        op.add_column('leads', column, inline_references=True)
    else:
        op.add_column('leads', sa.Column(name, sa.Integer(), nullable=True))
        op.create_foreign_key(op.f(f'fk_leads_{name}_{table}'), 'leads', table, [name], ['id'])


def downgrade() -> None:
    """Take it back. With leads in it an SQLite file refuses (it would have to copy `leads`): restore a backup."""
    op.drop_column('users', 'affiliation')
    with op.batch_alter_table('leads', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_leads_snoozed_until'))
        batch_op.drop_index(batch_op.f('ix_leads_claimed_until'))
        batch_op.drop_index(batch_op.f('ix_leads_platform_author'))
        batch_op.drop_index(batch_op.f('ix_leads_merged_into_id'))
        batch_op.drop_index(batch_op.f('ix_leads_follow_up_on'))
        batch_op.drop_index(batch_op.f('ix_leads_assignee_id'))
        batch_op.drop_column('merged_into_id')
        batch_op.drop_column('decision_maker')
        batch_op.drop_column('follow_up_on')
        batch_op.drop_column('snoozed_until')
        batch_op.drop_column('claimed_until')
        batch_op.drop_column('claimed_by_id')
        batch_op.drop_column('assignee_id')

    op.drop_index(op.f('ix_answers_reply_id'), 'answers')

    op.drop_table('answers')
    op.drop_index(op.f('ix_replies_state_approved_at'), 'replies')
    op.drop_index(op.f('ix_replies_post_id'), 'replies')
    op.drop_index(op.f('ix_replies_platform_recipient'), 'replies')
    op.drop_index(op.f('ix_replies_lead_id'), 'replies')
    op.drop_index(op.f('ix_replies_author_id'), 'replies')
    op.drop_index(op.f('ix_replies_account_id'), 'replies')

    op.drop_table('replies')
    op.drop_index(op.f('ix_qualifying_answers_question_id'), 'qualifying_answers')

    op.drop_table('qualifying_answers')
    op.drop_index(op.f('ix_lead_tags_tag'), 'lead_tags')

    op.drop_table('lead_tags')
    op.drop_table('contacts')
    op.drop_table('community_rules')
    op.drop_index(op.f('ix_snippets_user_id'), 'snippets')

    op.drop_table('snippets')
    op.drop_table('saved_views')
    op.drop_table('reply_stops')
    op.drop_index(op.f('ix_qualifying_questions_campaign_id'), 'qualifying_questions')

    op.drop_table('qualifying_questions')
    op.drop_table('do_not_contact')
    op.drop_table('connected_accounts')
