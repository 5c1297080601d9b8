"""Extracts from every wheel in a folder the members under given prefixes.

usage: unpack.py WHEEL_DIR OUT_DIR PREFIX...
"""

import pathlib
import sys
import zipfile


def main() -> int:
    wheel_dir, out_dir, *prefixes = sys.argv[1:]
    count = 0
    for path in sorted(pathlib.Path(wheel_dir).glob("*.whl")):
        with zipfile.ZipFile(path) as wheel:
            for name in wheel.namelist():
                if name.startswith(tuple(prefixes)) or name.endswith(".dist-info/METADATA"):
                    wheel.extract(name, out_dir)
                    count += 1
    if count == 0:
        print(f"no member of {wheel_dir}/*.whl starts with {prefixes}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
