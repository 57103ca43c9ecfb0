"""search."""

import sqlalchemy as sa
from alembic import op

from overheard.keywords.search_index import index_rows

revision = '0010'
down_revision = '0009'
branch_labels = None
depends_on = None

_BATCH = 1000  # posts held in memory at once


def upgrade() -> None:
    """search."""
    if op.get_bind().dialect.name == 'sqlite':
        # One token is one of our own words: they are stored with blanks between them, and hold nothing else.
        op.execute(
            "CREATE VIRTUAL TABLE post_search USING fts5"
            "(words, detail=none, columnsize=0, tokenize=\"ascii tokenchars '_'\")"
        )
        op.execute(
            'CREATE TRIGGER posts_leave_the_index AFTER DELETE ON posts '
            'BEGIN DELETE FROM post_search WHERE rowid = old.id; END'
        )
        # In the same breath as the column and nameless: SQLite would otherwise copy the table.
        author = sa.Column('author_id', sa.Integer(), sa.ForeignKey('users.id'), nullable=True)
        op.add_column('queries', author, inline_references=True)
    else:
        op.execute(
            'CREATE TABLE post_search (post_id INTEGER CONSTRAINT pk_post_search PRIMARY KEY '
            'CONSTRAINT fk_post_search_post_id_posts REFERENCES posts ON DELETE CASCADE, words TSVECTOR NOT NULL)'
        )
        op.execute('CREATE INDEX ix_post_search_words ON post_search USING gin (words)')
        op.add_column('queries', sa.Column('author_id', sa.Integer(), nullable=True))
        op.create_foreign_key(op.f('fk_queries_author_id_users'), 'queries', 'users', ['author_id'], ['id'])
    op.add_column('queries', sa.Column('note', sa.Text(), nullable=True))
    _index_what_is_stored()


def _index_what_is_stored() -> None:
    posts = sa.table('posts', sa.column('id'), sa.column('title'), sa.column('body'))
    last = 0
    while rows := op.get_bind().execute(
        sa.select(posts.c.id, posts.c.title, posts.c.body).where(posts.c.id > last).order_by(posts.c.id).limit(_BATCH)
    ).all():
        index_rows(op.get_bind(), rows)
        last = rows[-1].id


def downgrade() -> None:
    """Take it back. With queries in it an SQLite file refuses (it would have to copy `queries`): restore a backup."""
    if op.get_bind().dialect.name == 'sqlite':
        op.execute('DROP TRIGGER posts_leave_the_index')
    op.execute('DROP TABLE post_search')
    with op.batch_alter_table('queries', schema=None) as batch_op:
        batch_op.drop_column('note')
        batch_op.drop_column('author_id')
