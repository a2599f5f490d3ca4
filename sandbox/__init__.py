"""A marketing tool and a CRM that speak the vendors' APIs on this machine: for the demo, the tests and the load."""
