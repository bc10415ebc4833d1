"""The wire protocol: frames, errors, cursors, ids and times. Pure functions, no I/O."""
