"""What marketing and sales have agreed on, as an admin writes it in `smarketing.yaml`. Models and their checks."""
