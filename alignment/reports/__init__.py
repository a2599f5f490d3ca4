"""The weekly and monthly report for both teams: one model, and how it is written down."""
