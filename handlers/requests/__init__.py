"""One call of a function: the request, its admission and deadline, and the answers."""
