"""Order and concurrency: observe, plan, guard, apply. Knows ports and no vendor, no database, no file.

`reconciler` runs a pass; `observing` asks the providers; `applying` schedules a plan's steps, and `steps` carries each
out as a unit of its own; `calling` retries; `pacing` bounds the calls of a credential; `committing` gathers writes into
transactions; `leasing` keeps the right to write.
"""
