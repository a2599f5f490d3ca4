"""The database: tables, and every query as a verb."""
