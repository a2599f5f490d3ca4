"""A HubSpot portal in RAM: the CRM v3 API for contacts and their properties, as the vendor's own clients call it."""

from sandbox.hubspot.server import HubSpot
from sandbox.hubspot.settings import FAST, Settings

__all__ = ["FAST", "HubSpot", "Settings"]
