"""CSV and JSONL files in a folder as a system that is only read: sales rung up outside the CRM, touches, lists of leads
and companies.

Start with `reading.py` (what is read when, and the cursor), then `folder.py` (which files), `text.py` (bytes to
lines), `rows.py` (lines to rows) and `records.py` (rows to records). Nothing is ever written, moved or deleted here.
"""

from connectors.file.connector import Files
from connectors.file.settings import Settings

__all__ = ["Files", "Settings"]
