"""Getting frames to connections: the fan-out, and the engine that posts to the management API."""
