"""Entry point of `python -m heat_core VERB …`; the installed script `heat` calls the same `main`."""

import sys

from heat_core.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
