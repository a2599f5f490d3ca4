"""The pact between marketing and sales: clocks, attainment, what is said to whom. Pure."""
