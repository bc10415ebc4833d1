"""The Lambda environment: settings and log."""
