"""``python -m codat_notebook``: the command line, also where its script is not in PATH."""

from codat_notebook.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
