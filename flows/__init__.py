"""Prefect, thin: schedules, limits and logs around the functions of `sync.run`."""
