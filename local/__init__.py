"""Runs the program on this machine without an AWS account or the Pulumi CLI: an emulator and a deployment into it."""
