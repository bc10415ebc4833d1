"""What runs in Lambda: one thin module per function over a small shared core. Zipped alone, as it is."""
