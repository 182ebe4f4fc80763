"""How many replicas: the scaler's counts, what people pinned, and what was seen and concluded."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "counts",
        sa.Column("unit", sa.Text, primary_key=True),
        sa.Column("replicas", sa.Integer, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "pins",
        sa.Column("unit", sa.Text, primary_key=True),
        sa.Column("replicas", sa.Integer, nullable=False),
        sa.Column("author", sa.Text, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("until", sa.BigInteger, nullable=False),
    )
    # One row is what was seen of a unit at one moment and what was concluded from it.
    op.create_table(
        "scaling",
        sa.Column("unit", sa.Text, primary_key=True),
        sa.Column("at", sa.BigInteger, primary_key=True),
        sa.Column("record", sa.LargeBinary, nullable=False),
    )
