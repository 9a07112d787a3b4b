"""The blocks of the definition format, as models: each refuses what it does not know, and what is only reserved."""
