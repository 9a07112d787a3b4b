"""The pure heart: folding, diffing, planning, guarding, digesting.

Standard library only. No clock, no randomness, no logging, no I/O, no coroutine that does work: what is decided here
is decided from its arguments alone, so it can be tested with tables and properties.

The modules read bottom-up: `errors`, `model`, `events`, `fold` and `diff`, `plan`, `guard` and `ports`.
"""
