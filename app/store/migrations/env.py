"""Where Alembic enters: the scripts run on the connection, and in the transaction, that `store.versions` has begun."""

from alembic import context

from app.store.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
context.run_migrations()
