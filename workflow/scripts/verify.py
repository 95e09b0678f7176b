"""Tell which results are not what was written: `anatomy verify`, without installing anything."""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "src"))

from anatomy.__main__ import main  # noqa: E402

if __name__ == "__main__":
    main(["verify", *sys.argv[1:]])
