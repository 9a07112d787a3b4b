"""YAML files to values with positions, errors of models to problems, and the data that travels with the package.

Nothing in here knows what a manifest or a provider definition means.
"""
