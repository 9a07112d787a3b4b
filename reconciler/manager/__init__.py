"""The library for platforms: the same webhooks, asked for at run time instead of in manifests.

`manager` is the one entry, `WebhookManager`; `settings` says where its state is and under which URL deliveries arrive.
`webhook` holds the values it returns, `incoming` what it asks of a web framework's request, `errors` its refusals.
`wishes` (pure) turns arguments into what the engine works with, `ports` makes the real outside, `removal` deregisters.
"""
