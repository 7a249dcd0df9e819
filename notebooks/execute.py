"""Execute the notebooks beside this file from top to bottom, and keep what they show: `python notebooks/execute.py`.

Each runs in a kernel of its own with an empty store, under a path that says nothing of this machine.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import nbformat
from nbclient import NotebookClient

STORE = Path("/tmp/dtset-notebooks")


def main() -> None:
    """Execute all notebooks."""
    for path in sorted(Path(__file__).parent.glob("*.ipynb")):
        shutil.rmtree(STORE, ignore_errors=True)
        notebook = nbformat.read(path, as_version=4)
        client = NotebookClient(notebook, timeout=300, kernel_name="python3", record_timing=False)
        client.execute(env={**os.environ, "DASK_DTSET__STORE": str(STORE)})
        # Python's version changes with who executes it.
        notebook.metadata.pop("language_info", None)
        nbformat.write(notebook, path)
        print("executed", path.name)
    shutil.rmtree(STORE, ignore_errors=True)


if __name__ == "__main__":
    main()
