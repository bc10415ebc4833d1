"""The AWS provider over the emulator: the resources and functions that the program uses."""
