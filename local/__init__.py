"""The program on this machine, without account and Pulumi CLI: an emulator and an in-process deployment."""
