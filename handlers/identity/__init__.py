"""Who connects: handshakes, origins, tokens and the keys that verify them."""
