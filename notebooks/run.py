"""Runs the notebooks from top to bottom, and says how long each took: python notebooks/run.py [NAME …]."""

import sys
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient

HERE = Path(__file__).parent
_PATIENCE = 300  # seconds for a cell


def main(names: list[str]) -> None:
    for path in sorted(HERE.glob("*.ipynb")):
        if names and path.stem not in names:
            continue
        began = time.perf_counter()
        notebook = nbformat.read(path, as_version=4)
        client = NotebookClient(
            notebook, timeout=_PATIENCE, kernel_name="python3", resources={"metadata": {"path": str(HERE)}}
        )
        client.execute()
        print(f"{path.name:34} {time.perf_counter() - began:5.1f} s", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
