"""Stand-ins of vendors, written from the vendors' own descriptions and not from our provider definitions."""
