"""Twister2's package, with what of it dtset provides."""
