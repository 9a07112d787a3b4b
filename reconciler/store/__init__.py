"""Where records live: `core.ports.Store` over SQLAlchemy, secrets encrypted at rest.

`opening` has the ways in, `open_for_writing`, `open_existing` and `open_for_reading`, and `upgrading` what migrates by
command; nothing else need be imported from outside. Everything that is said here to a user is a `StateError`: no
exception of the database library leaves this package.

The modules read bottom-up: `schema` (a version number), `files` and `keys` (modes, locks, encryption), `failures`,
`tables`, `sqlite` (connections and transactions), `meta`, `records`, `vaults`, `leases`, `leftovers`, `sql` and
`empty` (the two stores), `migrating`, `opening` and `upgrading`; between `leftovers` and `sql` stand `copying`,
`renaming` and `rotation`, one piece of work by hand each. What only SQLite needs stands in `sqlite` alone.
"""
