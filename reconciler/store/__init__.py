"""Where records live: `core.ports.Store` over SQLAlchemy, secrets encrypted at rest.

`opening` has the two ways in, `open_for_writing` and `open_for_reading`; nothing else need be imported from outside.
Everything that is said here to a user is a `StateError`: no exception of the database library leaves this package.

The modules read bottom-up: `schema` (a version number), `files` and `keys` (modes, locks, encryption), `failures`,
`tables`, `sqlite` (connections and transactions), `meta`, `records`, `vaults`, `leases`, `leftovers`, `sql` and
`empty` (the two stores), `migrating` and `opening`. What only SQLite needs stands in `sqlite` alone.
"""
