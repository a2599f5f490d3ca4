"""The funnel: who came how far, how fast, and where they left. Counted in columns, so that a million leads take seconds."""
