"""Is a delivery genuine, and which event is it? Pure functions of (scheme, secrets, request, now, facts).

No clock, no I/O, no logging. One module per family of schemes, all of them behind `schemes`; what must be fetched first
is a `Need`. The schemes are data (`kinds`), and so are handshakes (`handshake_kinds`). `delivery` reads event type and
delivery id from a request that was verified.
"""
