"""jobs."""

from importlib.metadata import version
from importlib.resources import files

import sqlalchemy as sa
from alembic import op

import overheard.db


revision = '0021'
down_revision = '0020'
branch_labels = None
depends_on = None

# Jobs stand in the tables of Procrastinate (decision 15), on PostgreSQL only. They are made from the package's own
# schema file, which is that of the installed version: 3.10.0 when this was written, whose last own migration is
# 03.04.00_50. Which version it was is kept as the comment of its table. When a later version brings migrations (files in
# `procrastinate/sql/migrations`, named by version), a migration of ours executes those that are newer than the comment
# says, and sets the comment; on a database that was made with that version already it finds nothing to do.


def upgrade() -> None:
    """jobs."""
    op.create_table(
        'taken_posts',
        sa.Column('post_id', sa.Integer(), nullable=False),
        sa.Column('until', overheard.db.UtcDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(['post_id'], ['posts.id'], name=op.f('fk_taken_posts_post_id_posts'), ondelete='CASCADE'),
        sa.PrimaryKeyConstraint('post_id', name=op.f('pk_taken_posts')),
    )
    connection = op.get_bind()
    if connection.dialect.name != 'postgresql':
        return
    schema = (files('procrastinate') / 'sql' / 'schema.sql').read_text('utf-8')
    cursor = connection.connection.cursor()  # the driver's: many statements at once, and no % is a parameter
    cursor.execute(schema)
    cursor.execute(f"COMMENT ON TABLE procrastinate_jobs IS 'Procrastinate {version('procrastinate')}'")
    cursor.close()


def downgrade() -> None:
    """Take it back."""
    op.drop_table('taken_posts')
    if op.get_bind().dialect.name != 'postgresql':
        return
    for table in ('events', 'periodic_defers', 'jobs', 'workers'):
        op.execute(f'DROP TABLE procrastinate_{table} CASCADE')
    op.execute(
        """
        DO $$
        DECLARE made text;
        BEGIN
            FOR made IN
                SELECT oid::regprocedure FROM pg_proc
                WHERE proname LIKE 'procrastinate%' AND pronamespace = current_schema()::regnamespace
            LOOP
                EXECUTE 'DROP FUNCTION ' || made || ' CASCADE';
            END LOOP;
        END $$
        """
    )
    for made in ('job_to_defer_v1', 'job_status', 'job_event_type'):
        op.execute(f'DROP TYPE procrastinate_{made}')
