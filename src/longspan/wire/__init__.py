"""Bytes to values and back, pure: the one home of each codec."""
