"""Project file and manifests: found, read, checked, and compiled to triggers.

No provider is called and nothing is written; every problem of every file is collected before anything is refused.
"""
