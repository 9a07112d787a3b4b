"""What the operator says outside the repository: process settings, secrets, and where they may be sent.

What a pull request can edit (project file, manifests) must not be able to send a secret elsewhere; the rules for that
are here.
"""
