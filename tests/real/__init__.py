"""Real systems that the tests start on this machine: what no mock can tell."""
