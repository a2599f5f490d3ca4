"""A CRM on this machine that speaks Salesforce's REST, Bulk 2.0, OAuth and (for custom fields) Tooling APIs.

Entry points: `Salesforce` in `sandbox.salesforce.server` is the vendor for the gate, `Org` in `sandbox.salesforce.org`
the records and the rules over them. All state is in memory, and goes to and from JSON with `Org.dump` and `Org.load`.
"""
