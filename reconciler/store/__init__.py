"""Where records live: `core.ports.Store` over SQLAlchemy, secrets encrypted at rest.

`opening` has the ways in, `open_for_writing`, `open_existing` and `open_for_reading`, and `upgrading` what migrates by
command; nothing else need be imported from outside, but for `readying.no_state`, the refusal where none is, and
`stamps`, for what is kept beside a state. Everything that is said here to a user is a `StateError`: no exception of the
database library leaves this package.

The modules read bottom-up: `schema` (a version number), `errors`, `files`, `keys` and `stamps` (modes, locks,
encryption), `failures`,
`tables`, `sqlite` (connections and transactions), `meta`, `records`, `vaults`, `leases`, `leftovers`, `auditing`,
`responding`, `inbox` (over `inbox_keeping`, `inbox_reading`, `inbox_claims` and `retention`), `sql` and `empty` (the
two stores), `migrating`, `opening` and `upgrading`; between `leftovers` and `sql`
stand `copying`, `renaming` and `rotation`, one piece of work by hand each. What only SQLite needs stands in `sqlite`
alone, what only PostgreSQL needs in `postgres` and `postgres_opening`, which `backends` loads for its URLs; both are a
`database.Database` to the rest. `readying` is what every way in looks at.
"""
