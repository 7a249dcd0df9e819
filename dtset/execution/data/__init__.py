"""Data that sources hold in the driver, brought to tasks: sequences, and graphs of Dask collections."""
