"""What runs Dask graphs: this process, a cluster that was given, workers of our own."""
