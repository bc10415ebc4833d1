"""How frames reach connections: the fan-out, and the engine that posts to the management API."""
