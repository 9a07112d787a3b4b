"""The command `reconcile`.

`app` and `flags` turn arguments into one frozen value, without loading anything heavy; `lazy` then loads the module of
the verb, whose `run` does the work; `main` is the one place where errors become messages and exit codes (`exits`).
Results go to stdout, progress and logs to stderr (`output`).
"""
