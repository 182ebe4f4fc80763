"""The loopback port of a slot: what a server of somebody else's listens on when it knows no unix socket."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("slots", sa.Column("port", sa.BigInteger, nullable=False, server_default="0"))
