"""Run the command with `python -m ecsauth`."""

import sys

from ecsauth.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
