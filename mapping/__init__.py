"""What fields and stages mean: pure, no effects, imported by every other room."""
