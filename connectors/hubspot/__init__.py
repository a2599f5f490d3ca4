"""HubSpot's contacts: private-app token or OAuth, CRM API v3.

Start with `connector.py`; then `reading.py` and `writing.py`. What HubSpot allows, and where it says so, is in `api.py`.
"""

from connectors.hubspot.api import Settings
from connectors.hubspot.connector import HubSpot

__all__ = ["HubSpot", "Settings"]
