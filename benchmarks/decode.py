"""Decoding a parquet file of images: one process, all cores, and from the cache.

    python -m benchmarks.decode [FILE.parquet]

By default the validation images of TinyImageNet in the data folder. Wall time: the processes share
the work. The table goes to ``OUTPUT/benchmarks/decode.csv``.
"""

import os
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq

from benchmarks.tables import parser_of, publish
from ssl_lib.data import load
from ssl_lib.data.decode import decode_images, hash_files
from ssl_lib.errors import MissingData
from ssl_lib.paths import data_root
from ssl_lib.profiles import cores


def measure(config: Mapping[str, Any]) -> pd.DataFrame:
    file, column = data_root() / config["file"], config["column"]
    n = pq.ParquetFile(file).metadata.num_rows
    pieces = [{"file": str(file), "column": column, "start": 0, "stop": n}]
    rows = []

    def timed(what: str, run: Callable[[], object]) -> None:
        start = time.perf_counter()
        run()
        seconds = time.perf_counter() - start
        rows.append({"what": what, "images": n, "seconds": seconds, "images/s": n / seconds})

    with tempfile.TemporaryDirectory() as scratch:
        output = Path(scratch) / "images.npy"
        for workers in sorted({1, cores()}):
            timed(
                f"{workers} process{'es' if workers > 1 else ''}",
                lambda count=workers: decode_images(
                    pieces, output, size=None, channels=3, workers=count
                ),
            )
        os.environ["SSL_LIB_CACHE"] = scratch
        for what in ("load, first time", "load, cached"):
            timed(what, lambda: load(file, image_column=column))
    return pd.DataFrame(rows).round(3)


def main() -> None:
    parser = parser_of(__doc__)
    valid = data_root() / "tiny-imagenet" / "valid.parquet"
    parser.add_argument("file", type=Path, nargs="?", default=valid)
    parser.add_argument("--column", default="image")
    args = parser.parse_args()
    if not args.file.is_file():
        raise MissingData(f"{args.file} is not there: name a parquet file of images.")
    hashes = {args.file.name: hash_files([args.file])}
    # Recorded as seen from the folder of data: where that lies says nothing to others.
    inside = args.file.is_relative_to(data_root())
    args.file = str(args.file.relative_to(data_root()) if inside else args.file.resolve())
    publish("decode", measure, args, data=hashes)


if __name__ == "__main__":
    main()
