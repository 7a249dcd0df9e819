"""Twister2's package of TSets."""
