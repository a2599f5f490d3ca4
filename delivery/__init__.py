"""What goes out to people: alerts and reports, by mail and chat. apprise lives here alone."""
