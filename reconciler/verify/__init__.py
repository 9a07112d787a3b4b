"""Is a delivery genuine, and which event is it? Pure functions of (scheme, secrets, request, now).

No clock, no I/O, no logging. One module per family of schemes: `hmac_signature`, `token`; a later family
(Standard Webhooks, Ed25519, JWT, ...) is a further module and one more case in `schemes`. `delivery` reads event type
and delivery id from a request that was verified.
"""
