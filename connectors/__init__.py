"""What is peculiar to one vendor, and nothing else. Start with `base.py`, then `memory.py`."""
