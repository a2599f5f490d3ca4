"""Tryton over JSON-RPC (Tryton 8.0): leads are sales opportunities with their parties; companies, deals, owners and
activities beside them.

Start with `connector.py`; `shape.py` says which flat field lives where, `subjects.py` what is a record of each kind; then
`reading.py`, `finding.py`, `writing.py` and `removing.py`. How Tryton is called and refuses is in `api.py`.
"""

from connectors.tryton.api import Settings
from connectors.tryton.connector import Tryton

__all__ = ["Settings", "Tryton"]
