"""How fast it is, as figures and ratios: `python -m bench` (= `make bench`). See docs/performance.md.

Not a test: nothing fails for being slow. Every measurement runs in a process of its own, so that none inherits another's
memory, and the peers (dlt, a bare loop) run between ours, so that a busy machine slows all alike.
"""
