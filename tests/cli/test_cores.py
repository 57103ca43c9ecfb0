"""What a process of ours does with the cores."""

import json
import subprocess
import sys


def test_small_products_are_reckoned_by_one_thread() -> None:
    # On busy cores OpenBLAS's threads take more processor waiting for one another than judging takes in all.
    code = "import cli.main, numpy, json, threadpoolctl; print(json.dumps(threadpoolctl.threadpool_info()))"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    threads = [one["num_threads"] for one in json.loads(told) if one["user_api"] == "blas"]
    assert threads
    assert set(threads) == {1}
