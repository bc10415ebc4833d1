"""What a client may ask for: one module per action."""
