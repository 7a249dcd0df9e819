"""Execution: plans lowered to Dask graphs, and run."""
