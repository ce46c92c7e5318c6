"""``python -m tfp_index.cli`` is ``tfp-index``."""

import sys

from tfp_index.cli import main

if __name__ == "__main__":
    sys.exit(main())
