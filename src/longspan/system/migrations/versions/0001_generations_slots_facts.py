"""Generations, slots and facts: what the first Longspan remembers."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "generations",
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("parent", sa.Integer, sa.ForeignKey("generations.number")),
        sa.Column("author", sa.Text, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("accepted", sa.LargeBinary, nullable=False),
        sa.Column("state", sa.Text, nullable=False, index=True),
        sa.Column("ready_at", sa.BigInteger),
        sa.Column("served_at", sa.BigInteger),
        sa.Column("reason", sa.Text, nullable=False, server_default=""),
        sa.Column("last_log", sa.Text, nullable=False, server_default=""),
    )
    # Two pending or two serving generations can never be written, whatever the code above does.
    for state in ("pending", "serving"):
        op.create_index(
            f"one_{state}", "generations", ["state"], unique=True, sqlite_where=sa.text(f"state = '{state}'")
        )
    op.create_table(
        "slots",
        sa.Column("unit", sa.Text, primary_key=True),
        sa.Column("slot", sa.Integer, primary_key=True),
        sa.Column("replica", sa.Text, nullable=False),
        sa.Column("generation", sa.Integer, nullable=False),
        sa.Column("digest", sa.Text, nullable=False),
        sa.Column("since", sa.BigInteger, nullable=False),
        sa.Column("ready_at", sa.BigInteger),
        sa.Column("stopping_at", sa.BigInteger),
        sa.Column("died_at", sa.BigInteger),
        sa.Column("restarts", sa.Integer, nullable=False),
        sa.Column("quick_deaths", sa.Integer, nullable=False),
    )
    op.create_table(
        "facts",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("value", sa.Text, nullable=False),
    )
