"""The first tables."""

import sqlalchemy as sa
from alembic import op
import overheard.db


revision = '0001'
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """The first tables."""
    op.create_table('campaigns',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('offer', sa.Text(), nullable=False),
    sa.Column('created_at', overheard.db.UtcDateTime(timezone=True), nullable=False),
    sa.Column('threshold', sa.Double(), nullable=True),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_campaigns')),
    sa.UniqueConstraint('name', name=op.f('uq_campaigns_name'))
    )
    op.create_table('dead_letters',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('origin', sa.Text(), nullable=False),
    sa.Column('locator', sa.Text(), nullable=False),
    sa.Column('reason', sa.Text(), nullable=False),
    sa.Column('raw', sa.LargeBinary(), nullable=False),
    sa.Column('raw_sha256', sa.Text(), nullable=False),
    sa.Column('at', overheard.db.UtcDateTime(timezone=True), nullable=False),
    sa.Column('platform', sa.Enum('reddit', 'slack', 'hackernews', 'other', name='platform', native_enum=False, length=32), nullable=True),
    sa.Column('external_id', sa.Text(), nullable=True),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_dead_letters')),
    sa.UniqueConstraint('origin', 'locator', 'raw_sha256', name=op.f('uq_dead_letters_origin_locator_raw_sha256'))
    )
    with op.batch_alter_table('dead_letters', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_dead_letters_platform_external_id'), ['platform', 'external_id'], unique=False)

    op.create_table('imports',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('sha256', sa.Text(), nullable=False),
    sa.Column('options', sa.Text(), nullable=False),
    sa.Column('file_name', sa.Text(), nullable=False),
    sa.Column('started_at', overheard.db.UtcDateTime(timezone=True), nullable=False),
    sa.Column('records_read', sa.Integer(), nullable=False),
    sa.Column('finished_at', overheard.db.UtcDateTime(timezone=True), nullable=True),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_imports')),
    sa.UniqueConstraint('sha256', 'options', name=op.f('uq_imports_sha256_options'))
    )
    op.create_table('login_failures',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('email_hash', sa.Text(), nullable=False),
    sa.Column('at', overheard.db.UtcDateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_login_failures'))
    )
    with op.batch_alter_table('login_failures', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_login_failures_email_hash_at'), ['email_hash', 'at'], unique=False)

    op.create_table('sources',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('platform', sa.Enum('reddit', 'slack', 'hackernews', 'other', name='platform', native_enum=False, length=32), nullable=False),
    sa.Column('community', sa.Text(), nullable=False),
    sa.Column('created_at', overheard.db.UtcDateTime(timezone=True), nullable=False),
    sa.Column('cursor', sa.Text(), nullable=True),
    sa.Column('read_at', overheard.db.UtcDateTime(timezone=True), nullable=True),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_sources')),
    sa.UniqueConstraint('platform', 'community', name=op.f('uq_sources_platform_community'))
    )
    op.create_table('tombstones',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('platform', sa.Enum('reddit', 'slack', 'hackernews', 'other', name='platform', native_enum=False, length=32), nullable=False),
    sa.Column('external_id', sa.Text(), nullable=False),
    sa.Column('reason', sa.Text(), nullable=False),
    sa.Column('at', overheard.db.UtcDateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_tombstones')),
    sa.UniqueConstraint('platform', 'external_id', name=op.f('uq_tombstones_platform_external_id'))
    )
    op.create_table('users',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('email', sa.Text(), nullable=False),
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('role', sa.Enum('admin', 'marketer', 'sdr', 'ml_engineer', name='role', native_enum=False, length=32), nullable=False),
    sa.Column('created_at', overheard.db.UtcDateTime(timezone=True), nullable=False),
    sa.Column('password_hash', sa.Text(), nullable=True),
    sa.Column('disabled_at', overheard.db.UtcDateTime(timezone=True), nullable=True),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_users')),
    sa.UniqueConstraint('email', name=op.f('uq_users_email'))
    )
    op.create_table('api_tokens',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('user_id', sa.Integer(), nullable=False),
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('prefix', sa.Text(), nullable=False),
    sa.Column('token_hash', sa.Text(), nullable=False),
    sa.Column('created_at', overheard.db.UtcDateTime(timezone=True), nullable=False),
    sa.Column('expires_at', overheard.db.UtcDateTime(timezone=True), nullable=True),
    sa.Column('revoked_at', overheard.db.UtcDateTime(timezone=True), nullable=True),
    sa.ForeignKeyConstraint(['user_id'], ['users.id'], name=op.f('fk_api_tokens_user_id_users'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_api_tokens')),
    sa.UniqueConstraint('token_hash', name=op.f('uq_api_tokens_token_hash'))
    )
    with op.batch_alter_table('api_tokens', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_api_tokens_user_id'), ['user_id'], unique=False)

    op.create_table('campaign_sources',
    sa.Column('campaign_id', sa.Integer(), nullable=False),
    sa.Column('source_id', sa.Integer(), nullable=False),
    sa.ForeignKeyConstraint(['campaign_id'], ['campaigns.id'], name=op.f('fk_campaign_sources_campaign_id_campaigns'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['source_id'], ['sources.id'], name=op.f('fk_campaign_sources_source_id_sources'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('campaign_id', 'source_id', name=op.f('pk_campaign_sources'))
    )
    op.create_table('gaps',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('source_id', sa.Integer(), nullable=False),
    sa.Column('first', sa.Text(), nullable=False),
    sa.Column('last', sa.Text(), nullable=False),
    sa.Column('reason', sa.Text(), nullable=False),
    sa.Column('found_at', overheard.db.UtcDateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['source_id'], ['sources.id'], name=op.f('fk_gaps_source_id_sources'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_gaps')),
    sa.UniqueConstraint('source_id', 'first', 'last', name=op.f('uq_gaps_source_id_first_last'))
    )
    op.create_table('login_links',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('user_id', sa.Integer(), nullable=False),
    sa.Column('token_hash', sa.Text(), nullable=False),
    sa.Column('expires_at', overheard.db.UtcDateTime(timezone=True), nullable=False),
    sa.Column('used_at', overheard.db.UtcDateTime(timezone=True), nullable=True),
    sa.ForeignKeyConstraint(['user_id'], ['users.id'], name=op.f('fk_login_links_user_id_users'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_login_links')),
    sa.UniqueConstraint('token_hash', name=op.f('uq_login_links_token_hash'))
    )
    with op.batch_alter_table('login_links', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_login_links_user_id'), ['user_id'], unique=False)

    op.create_table('logins',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('user_id', sa.Integer(), nullable=False),
    sa.Column('token_hash', sa.Text(), nullable=False),
    sa.Column('created_at', overheard.db.UtcDateTime(timezone=True), nullable=False),
    sa.Column('expires_at', overheard.db.UtcDateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['user_id'], ['users.id'], name=op.f('fk_logins_user_id_users'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_logins')),
    sa.UniqueConstraint('token_hash', name=op.f('uq_logins_token_hash'))
    )
    with op.batch_alter_table('logins', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_logins_user_id'), ['user_id'], unique=False)

    op.create_table('posts',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('platform', sa.Enum('reddit', 'slack', 'hackernews', 'other', name='platform', native_enum=False, length=32), nullable=False),
    sa.Column('external_id', sa.Text(), nullable=False),
    sa.Column('source_id', sa.Integer(), nullable=False),
    sa.Column('kind', sa.Enum('submission', 'comment', 'message', name='postkind', native_enum=False, length=32), nullable=False),
    sa.Column('title', sa.Text(), nullable=False),
    sa.Column('body', sa.Text(), nullable=False),
    sa.Column('text_hash', sa.Text(), nullable=False),
    sa.Column('collected_at', overheard.db.UtcDateTime(timezone=True), nullable=False),
    sa.Column('author', sa.Text(), nullable=True),
    sa.Column('author_name', sa.Text(), nullable=True),
    sa.Column('permalink', sa.Text(), nullable=True),
    sa.Column('parent_external_id', sa.Text(), nullable=True),
    sa.Column('posted_at', overheard.db.UtcDateTime(timezone=True), nullable=True),
    sa.Column('as_of', overheard.db.UtcDateTime(timezone=True), nullable=True),
    sa.Column('is_truncated', sa.Boolean(), nullable=False),
    sa.ForeignKeyConstraint(['source_id'], ['sources.id'], name=op.f('fk_posts_source_id_sources')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_posts')),
    sa.UniqueConstraint('platform', 'external_id', name=op.f('uq_posts_platform_external_id'))
    )
    with op.batch_alter_table('posts', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_posts_source_id'), ['source_id'], unique=False)

    op.create_table('queries',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('campaign_id', sa.Integer(), nullable=False),
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('expression', sa.Text(), nullable=False),
    sa.Column('created_at', overheard.db.UtcDateTime(timezone=True), nullable=False),
    sa.Column('retired_at', overheard.db.UtcDateTime(timezone=True), nullable=True),
    sa.ForeignKeyConstraint(['campaign_id'], ['campaigns.id'], name=op.f('fk_queries_campaign_id_campaigns'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_queries')),
    sa.UniqueConstraint('campaign_id', 'name', 'version', name=op.f('uq_queries_campaign_id_name_version'))
    )
    op.create_table('revisits',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('source_id', sa.Integer(), nullable=False),
    sa.Column('external_id', sa.Text(), nullable=False),
    sa.Column('first_asked_at', overheard.db.UtcDateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['source_id'], ['sources.id'], name=op.f('fk_revisits_source_id_sources'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_revisits')),
    sa.UniqueConstraint('source_id', 'external_id', name=op.f('uq_revisits_source_id_external_id'))
    )
    op.create_table('leads',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('campaign_id', sa.Integer(), nullable=False),
    sa.Column('platform', sa.Enum('reddit', 'slack', 'hackernews', 'other', name='platform', native_enum=False, length=32), nullable=False),
    sa.Column('author', sa.Text(), nullable=False),
    sa.Column('stage', sa.Enum('marketing_qualified', 'sales_qualified', 'replied', 'prospect', 'won', 'lost', 'disqualified', name='stage', native_enum=False, length=32), nullable=False),
    sa.Column('stage_changed_at', overheard.db.UtcDateTime(timezone=True), nullable=False),
    sa.Column('qualified_at', overheard.db.UtcDateTime(timezone=True), nullable=False),
    sa.Column('top_post_id', sa.Integer(), nullable=True),
    sa.Column('signalled_on', sa.Date(), nullable=False),
    sa.Column('score', sa.Double(), nullable=False),
    sa.Column('intent', sa.Enum('recommendation', 'alternative', 'comparison', 'purchase', 'pain', 'promotion', 'support', 'advice', 'discussion', name='intent', native_enum=False, length=32), nullable=False),
    sa.ForeignKeyConstraint(['campaign_id'], ['campaigns.id'], name=op.f('fk_leads_campaign_id_campaigns'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['top_post_id'], ['posts.id'], name=op.f('fk_leads_top_post_id_posts'), ondelete='SET NULL'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_leads')),
    sa.UniqueConstraint('campaign_id', 'platform', 'author', name=op.f('uq_leads_campaign_id_platform_author'))
    )
    with op.batch_alter_table('leads', schema=None) as batch_op:
        batch_op.create_index('ix_leads_queue', ['stage', 'signalled_on', 'score', 'id'], unique=False)
        batch_op.create_index(batch_op.f('ix_leads_top_post_id'), ['top_post_id'], unique=False)

    op.create_table('matches',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('post_id', sa.Integer(), nullable=False),
    sa.Column('query_id', sa.Integer(), nullable=False),
    sa.Column('spans', sa.JSON(), nullable=False),
    sa.ForeignKeyConstraint(['post_id'], ['posts.id'], name=op.f('fk_matches_post_id_posts'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['query_id'], ['queries.id'], name=op.f('fk_matches_query_id_queries'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_matches')),
    sa.UniqueConstraint('post_id', 'query_id', name=op.f('uq_matches_post_id_query_id'))
    )
    with op.batch_alter_table('matches', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_matches_query_id'), ['query_id'], unique=False)

    op.create_table('predictions',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('post_id', sa.Integer(), nullable=False),
    sa.Column('model_version', sa.Text(), nullable=False),
    sa.Column('score', sa.Double(), nullable=False),
    sa.Column('intent', sa.Enum('recommendation', 'alternative', 'comparison', 'purchase', 'pain', 'promotion', 'support', 'advice', 'discussion', name='intent', native_enum=False, length=32), nullable=False),
    sa.Column('probabilities', sa.JSON(), nullable=False),
    sa.Column('evidence', sa.JSON(), nullable=False),
    sa.Column('at', overheard.db.UtcDateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['post_id'], ['posts.id'], name=op.f('fk_predictions_post_id_posts'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_predictions')),
    sa.UniqueConstraint('post_id', 'model_version', name=op.f('uq_predictions_post_id_model_version'))
    )
    with op.batch_alter_table('predictions', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_predictions_model_version_score'), ['model_version', 'score'], unique=False)

    op.create_table('lead_events',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('lead_id', sa.Integer(), nullable=False),
    sa.Column('action', sa.Enum('qualify', 'promote', 'disqualify', 'reopen', 'undo', name='leadaction', native_enum=False, length=32), nullable=False),
    sa.Column('to_stage', sa.Enum('marketing_qualified', 'sales_qualified', 'replied', 'prospect', 'won', 'lost', 'disqualified', name='stage', native_enum=False, length=32), nullable=False),
    sa.Column('at', overheard.db.UtcDateTime(timezone=True), nullable=False),
    sa.Column('from_stage', sa.Enum('marketing_qualified', 'sales_qualified', 'replied', 'prospect', 'won', 'lost', 'disqualified', name='stage', native_enum=False, length=32), nullable=True),
    sa.Column('actor_id', sa.Integer(), nullable=True),
    sa.Column('reason', sa.Enum('not_a_buyer', 'no_need', 'not_our_icp', 'competitor_staff', 'already_served', 'duplicate', 'stale', 'do_not_contact', 'other', name='disqualifyreason', native_enum=False, length=32), nullable=True),
    sa.Column('note', sa.Text(), nullable=True),
    sa.Column('model_version', sa.Text(), nullable=True),
    sa.ForeignKeyConstraint(['actor_id'], ['users.id'], name=op.f('fk_lead_events_actor_id_users')),
    sa.ForeignKeyConstraint(['lead_id'], ['leads.id'], name=op.f('fk_lead_events_lead_id_leads'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_lead_events'))
    )
    with op.batch_alter_table('lead_events', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_lead_events_lead_id'), ['lead_id'], unique=False)

    op.create_table('signals',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('lead_id', sa.Integer(), nullable=False),
    sa.Column('post_id', sa.Integer(), nullable=False),
    sa.Column('score', sa.Double(), nullable=False),
    sa.Column('intent', sa.Enum('recommendation', 'alternative', 'comparison', 'purchase', 'pain', 'promotion', 'support', 'advice', 'discussion', name='intent', native_enum=False, length=32), nullable=False),
    sa.Column('model_version', sa.Text(), nullable=False),
    sa.Column('signalled_on', sa.Date(), nullable=False),
    sa.Column('at', overheard.db.UtcDateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['lead_id'], ['leads.id'], name=op.f('fk_signals_lead_id_leads'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['post_id'], ['posts.id'], name=op.f('fk_signals_post_id_posts'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_signals')),
    sa.UniqueConstraint('lead_id', 'post_id', name=op.f('uq_signals_lead_id_post_id'))
    )
    with op.batch_alter_table('signals', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_signals_post_id'), ['post_id'], unique=False)

    op.create_table('labels',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('post_id', sa.Integer(), nullable=False),
    sa.Column('lead_id', sa.Integer(), nullable=False),
    sa.Column('event_id', sa.Integer(), nullable=False),
    sa.Column('is_lead', sa.Boolean(), nullable=True),
    sa.Column('actor_id', sa.Integer(), nullable=False),
    sa.Column('at', overheard.db.UtcDateTime(timezone=True), nullable=False),
    sa.Column('text_hash', sa.Text(), nullable=False),
    sa.Column('model_version', sa.Text(), nullable=False),
    sa.Column('score', sa.Double(), nullable=False),
    sa.Column('reason', sa.Enum('not_a_buyer', 'no_need', 'not_our_icp', 'competitor_staff', 'already_served', 'duplicate', 'stale', 'do_not_contact', 'other', name='disqualifyreason', native_enum=False, length=32), nullable=True),
    sa.Column('position', sa.Integer(), nullable=True),
    sa.Column('shown_because', sa.Text(), nullable=False),
    sa.Column('withdrawn_at', overheard.db.UtcDateTime(timezone=True), nullable=True),
    sa.ForeignKeyConstraint(['actor_id'], ['users.id'], name=op.f('fk_labels_actor_id_users')),
    sa.ForeignKeyConstraint(['event_id'], ['lead_events.id'], name=op.f('fk_labels_event_id_lead_events'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['lead_id'], ['leads.id'], name=op.f('fk_labels_lead_id_leads'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['post_id'], ['posts.id'], name=op.f('fk_labels_post_id_posts'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_labels'))
    )
    with op.batch_alter_table('labels', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_labels_event_id'), ['event_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_labels_lead_id'), ['lead_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_labels_post_id'), ['post_id'], unique=False)
    _make_append_only()


def _make_append_only() -> None:
    """What happened to a lead cannot be rewritten, by whatever code; it can only go as a whole, by an erasure."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            "CREATE FUNCTION refuse_update() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN RAISE EXCEPTION '% is append-only', TG_TABLE_NAME; END $$"
        )
        op.execute(
            "CREATE TRIGGER lead_events_append_only BEFORE UPDATE ON lead_events "
            "FOR EACH ROW EXECUTE FUNCTION refuse_update()"
        )
    else:
        op.execute(
            "CREATE TRIGGER lead_events_append_only BEFORE UPDATE ON lead_events "
            "BEGIN SELECT RAISE(ABORT, 'lead_events is append-only'); END"
        )


def downgrade() -> None:
    """Take it back."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP TRIGGER lead_events_append_only ON lead_events")
        op.execute("DROP FUNCTION refuse_update()")
    else:
        op.execute("DROP TRIGGER lead_events_append_only")
    with op.batch_alter_table('labels', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_labels_post_id'))
        batch_op.drop_index(batch_op.f('ix_labels_lead_id'))
        batch_op.drop_index(batch_op.f('ix_labels_event_id'))

    op.drop_table('labels')
    with op.batch_alter_table('signals', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_signals_post_id'))

    op.drop_table('signals')
    with op.batch_alter_table('lead_events', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_lead_events_lead_id'))

    op.drop_table('lead_events')
    with op.batch_alter_table('predictions', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_predictions_model_version_score'))

    op.drop_table('predictions')
    with op.batch_alter_table('matches', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_matches_query_id'))

    op.drop_table('matches')
    with op.batch_alter_table('leads', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_leads_top_post_id'))
        batch_op.drop_index('ix_leads_queue')

    op.drop_table('leads')
    op.drop_table('revisits')
    op.drop_table('queries')
    with op.batch_alter_table('posts', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_posts_source_id'))

    op.drop_table('posts')
    with op.batch_alter_table('logins', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_logins_user_id'))

    op.drop_table('logins')
    with op.batch_alter_table('login_links', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_login_links_user_id'))

    op.drop_table('login_links')
    op.drop_table('gaps')
    op.drop_table('campaign_sources')
    with op.batch_alter_table('api_tokens', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_api_tokens_user_id'))

    op.drop_table('api_tokens')
    op.drop_table('users')
    op.drop_table('tombstones')
    op.drop_table('sources')
    with op.batch_alter_table('login_failures', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_login_failures_email_hash_at'))

    op.drop_table('login_failures')
    op.drop_table('imports')
    with op.batch_alter_table('dead_letters', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_dead_letters_platform_external_id'))

    op.drop_table('dead_letters')
    op.drop_table('campaigns')
