"""The heart. `match`, `merge`, `plan` and `guard` are pure functions; `run` is the only file with effects."""
