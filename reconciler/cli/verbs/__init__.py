"""One module per verb, each with `run(flags, output) -> ExitCode`; loaded by name in `reconciler.cli.lazy`."""
