"""The telling cases of the sync, as data: what the sides hold, what happens, what is written, and why."""
