"""How Alembic runs here: on the connection that `longspan.system.database` hands over, all of it or nothing."""

from alembic import context

connection = context.config.attributes["connection"]
# SQLite can take back a change of the schema, but Python begins no transaction for one by itself.
connection.exec_driver_sql("BEGIN IMMEDIATE")
context.configure(connection=connection, transactional_ddl=True)
with context.begin_transaction():
    context.run_migrations()
connection.commit()
