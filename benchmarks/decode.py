"""Decoding a parquet file of images: one process, all cores, and from the cache.

python benchmarks/decode.py FILE.parquet
"""

import argparse
import os
import tempfile
import time
from pathlib import Path

import pyarrow.parquet as pq

from ssl_lib.data import load
from ssl_lib.data.decode import cores, decode_images


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", type=Path)
    parser.add_argument("--column", default="image")
    args = parser.parse_args()
    n = pq.ParquetFile(args.file).metadata.num_rows
    pieces = [{"file": str(args.file), "column": args.column, "start": 0, "stop": n}]
    with tempfile.TemporaryDirectory() as scratch:
        output = Path(scratch) / "images.npy"
        for workers in sorted({1, cores()}):
            start = time.perf_counter()
            decode_images(pieces, output, size=None, channels=3, workers=workers)
            report(f"{workers} process(es)", n, time.perf_counter() - start)
        os.environ["SSL_LIB_CACHE"] = scratch
        for name in ("load, first time", "load, cached"):
            start = time.perf_counter()
            load(args.file, image_column=args.column)
            report(name, n, time.perf_counter() - start)


def report(name: str, n: int, seconds: float) -> None:
    print(f"{name:20s} {seconds:7.2f} s {n / seconds:10.0f} images/s")


if __name__ == "__main__":
    main()
