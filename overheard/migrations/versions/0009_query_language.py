"""query language."""

import re

import sqlalchemy as sa
from alembic import op

revision = '0009'
down_revision = '0008'
branch_labels = None
depends_on = None

# One token of the first form of the language: an optional minus, then a phrase or a run without blanks and quotes.
_TOKEN = re.compile(r'(?P<minus>-?)(?:"(?P<phrase>[^"]*)"|(?P<word>[^\s"]+))')
# What such a run held literally, and says something else now.
_SAYS_MORE = re.compile(
    r'.*[()`*\u201c\u201d\u201e\u201f\u2033\u00ab\u00bb\uff02]|.*\$\{|~|(?:AND|OR|NOT)$|(?i:o?near/|[a-z_]+:(?!//))'
)


def upgrade() -> None:
    """query language."""
    op.create_table(
        'query_variables',
        sa.Column('id', sa.Integer(), nullable=False),
        sa.Column('name', sa.Text(), nullable=False),
        sa.Column('text', sa.Text(), nullable=False),
        sa.Column('changed_at', sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_query_variables')),
        sa.UniqueConstraint('name', name=op.f('uq_query_variables_name')),
    )
    _keep_what_queries_mean()


def _keep_what_queries_mean() -> None:
    """Put what would now say something else between quotation marks, where it is taken as it stands."""
    queries = sa.table('queries', sa.column('id'), sa.column('expression'))
    for query_id, expression in op.get_bind().execute(sa.select(queries.c.id, queries.c.expression)).all():
        kept = _TOKEN.sub(_kept, expression)
        if kept != expression:
            op.execute(queries.update().where(queries.c.id == query_id).values(expression=kept))


def _kept(token: re.Match[str]) -> str:
    word = token['word']
    if word is None or word == '*' or not _SAYS_MORE.match(word):
        return token[0]
    return f'{token["minus"]}"{word}"'


def downgrade() -> None:
    """Take it back."""
    op.drop_table('query_variables')
