"""A CRM in RAM that speaks Salesforce's REST, Bulk 2.0 and OAuth APIs, and of the Tooling API what custom fields take."""

from sandbox.salesforce.people_work import convert_lead, merge
from sandbox.salesforce.seeding import to_salesforce
from sandbox.salesforce.server import Salesforce
from sandbox.salesforce.sessions import Credentials
from sandbox.salesforce.switches import Switches

__all__ = ["Credentials", "Salesforce", "Switches", "convert_lead", "merge", "to_salesforce"]
