"""Twister2's programs are run, and not imported by the collection of doctests."""

collect_ignore = ["seed.py"]
