"""loose ends 5."""

import sqlalchemy as sa
from alembic import op

import overheard.db


revision = '0020'
down_revision = '0019'
branch_labels = None
depends_on = None


def upgrade() -> None:
    """loose ends 5."""
    utc = overheard.db.UtcDateTime(timezone=True)
    op.create_table(
        'former_answers',
        sa.Column('id', sa.Integer(), nullable=False),
        sa.Column('lead_id', sa.Integer(), nullable=False),
        sa.Column('question_id', sa.Integer(), nullable=False),
        sa.Column('answer', sa.Text(), nullable=True),
        sa.Column('fits', sa.Boolean(), nullable=True),
        sa.Column('actor_id', sa.Integer(), nullable=True),
        sa.Column('at', utc, nullable=True),
        sa.Column('changed_by_id', sa.Integer(), nullable=False),
        sa.Column('changed_at', utc, nullable=False),
        sa.ForeignKeyConstraint(['lead_id'], ['leads.id'], name=op.f('fk_former_answers_lead_id_leads'), ondelete='CASCADE'),
        sa.ForeignKeyConstraint(['question_id'], ['qualifying_questions.id'], name=op.f('fk_former_answers_question_id_qualifying_questions'), ondelete='CASCADE'),
        sa.ForeignKeyConstraint(['actor_id'], ['users.id'], name=op.f('fk_former_answers_actor_id_users')),
        sa.ForeignKeyConstraint(['changed_by_id'], ['users.id'], name=op.f('fk_former_answers_changed_by_id_users')),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_former_answers')),
    )
    op.create_index('ix_former_answers_lead_id_question_id', 'former_answers', ['lead_id', 'question_id'])
    op.create_index(op.f('ix_former_answers_question_id'), 'former_answers', ['question_id'])


def downgrade() -> None:
    """Take it back."""
    op.drop_table('former_answers')
