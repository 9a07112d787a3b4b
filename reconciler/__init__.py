"""A declarative, config-driven webhook reconciler."""
