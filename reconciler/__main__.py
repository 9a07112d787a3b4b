"""`python -m reconciler` is the command `reconcile`."""

from reconciler.cli.entrance import main

if __name__ == "__main__":
    main()
