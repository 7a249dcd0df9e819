"""Storage: batches as columns, columns as Zarr chunks, chunks and records as objects in a store.

Nothing here knows what a TSet or a job is. `docs/store-format.md` describes the bytes.
"""
