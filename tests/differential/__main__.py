"""``python -m tests.differential FIRST LAST``: compare the conversations of the seeds FIRST to LAST - 1."""

from __future__ import annotations

import sys

from .comparison import first_difference

if __name__ == "__main__":
    sys.exit(first_difference(range(int(sys.argv[1]), int(sys.argv[2]))))
