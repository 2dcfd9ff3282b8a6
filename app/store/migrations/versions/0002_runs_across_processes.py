"""Runs get a number that no clock can disorder, a sign of life for other computers, and a mark for what they left."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.add_column("runs", sa.Column("number", sa.Integer, nullable=False, server_default="0"))
    op.add_column("runs", sa.Column("renewed", sa.Double, nullable=False, server_default="0"))
    op.add_column("runs", sa.Column("untidy", sa.Boolean, nullable=False, server_default=sa.false()))
    op.execute(NUMBERED_AS_THEY_STARTED)
    op.drop_index("ix_runs_site_started", "runs")
    op.create_index("ix_runs_site_number", "runs", ["site", "number"], unique=True)


NUMBERED_AS_THEY_STARTED = """
UPDATE runs SET number = counted.number
FROM (SELECT site, id, row_number() OVER (PARTITION BY site ORDER BY started, id) AS number FROM runs) AS counted
WHERE counted.site = runs.site AND counted.id = runs.id
"""
