"""The command line: ``dtset``, also as ``dask dtset``.

Its modules import what they need inside of the commands, so that ``dtset --help`` is quick and ``dask``,
which imports this package whenever it is called, stays so.
"""
