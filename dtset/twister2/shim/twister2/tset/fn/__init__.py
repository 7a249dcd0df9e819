"""Twister2's package of user functions."""
