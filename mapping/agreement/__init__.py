"""What marketing and sales agree on beside the stages, as an admin writes it."""
