"""The Tryton connector against a real Tryton 8.0, a test for each of its quirks; and the rare answers, made up."""
