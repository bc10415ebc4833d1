"""Measures the speed of the chat and compares it with what people use today."""
