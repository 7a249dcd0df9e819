"""How what movers send travels: in the results of Dask tasks, and through the store where it is much."""
