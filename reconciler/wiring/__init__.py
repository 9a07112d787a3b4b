"""The composition root: adapters are made here, and handed to the engine as ports.

`loading` reads the files and the environment; `session` opens what a pass needs, to write or to read only; `records`
looks at what is recorded, whatever the manifests say; `keeping`, `finding`, `moving` and `backing_up` work on the store
by hand. `binding` asks Git who the project is; `progress` puts the engine's events into words.
"""
