"""The command line: ``dtset``, also as ``dask dtset``.

Commands import what they need when they run: ``dask`` imports this package whenever it is called.
"""
