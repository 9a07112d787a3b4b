"""Alembic migrations, packaged; `runner` runs them without an ini file. Loaded only when a store is to be migrated."""
