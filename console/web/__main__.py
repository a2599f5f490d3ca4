"""`python -m console.web FOLDER`: the console alone, on this machine."""

from __future__ import annotations

import sys
from pathlib import Path

from console.web.serving import serve

if __name__ == "__main__":
    sys.exit(serve(Path(sys.argv[1] if len(sys.argv) > 1 else "."), "127.0.0.1", 8080))
