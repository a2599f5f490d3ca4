"""Tryton's leads: sales opportunities and their parties, over JSON-RPC (Tryton 8.0).

Start with `connector.py`; `shape.py` says which flat field lives where; then `reading.py`, `finding.py` and
`writing.py`. How Tryton is called and refuses is in `api.py`.
"""

from connectors.tryton.api import Settings
from connectors.tryton.connector import Tryton

__all__ = ["Settings", "Tryton"]
