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
# What such a run held literally, and says something else now: signs, operators, fields, and the name of a domain, which
# also finds what hides it from robots.
_SAYS_MORE = re.compile(r'.*[()`]|.*\$\{|~|(?:AND|OR|NOT)$|(?i:o?near/|[a-z_]+:(?!//))|.*\w\.[^\W\d_]{2}', re.DOTALL)
# Quotation marks of typesetters are read as " now, which a run or a phrase cannot hold.
_TYPESET = str.maketrans(dict.fromkeys('\u201c\u201d\u201e\u201f\u2033\u00ab\u00bb\uff02', ' '))


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
    """Write what would now say something else so that it is taken as it stands."""
    queries = sa.table('queries', sa.column('id'), sa.column('expression'))
    for query_id, expression in op.get_bind().execute(sa.select(queries.c.id, queries.c.expression)).all():
        kept = _TOKEN.sub(_kept, expression)
        if kept != expression:
            op.execute(queries.update().where(queries.c.id == query_id).values(expression=kept))


def _kept(token: re.Match[str]) -> str:
    minus, word, phrase = token.group('minus', 'word', 'phrase')
    text = (phrase if word is None else word).translate(_TYPESET).strip()
    if word == '*' or not text:
        return token[0]
    if '*' in text and '`' not in text:  # a star stood for itself; what stands for itself now is met in its own case
        forms = dict.fromkeys([text, text.lower(), text.capitalize(), text.upper()])
        return f'{minus}({" OR ".join(f"`{form}`" for form in forms)})'
    if word is not None and text == word and not _SAYS_MORE.match(word):
        return token[0]
    return f'{minus}"{text}"'


def downgrade() -> None:
    """Take it back."""
    op.drop_table('query_variables')
