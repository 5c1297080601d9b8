"""Extracts from every source distribution in a folder the members under given prefixes.

usage: unpack_sdist.py SDIST_DIR OUT_DIR PREFIX...

The archive's one folder NAME-VERSION/ is left out of prefixes and paths.
"""

import pathlib
import sys
import tarfile


def main() -> int:
    sdist_dir, out_dir, *prefixes = sys.argv[1:]
    count = 0
    for path in sorted(pathlib.Path(sdist_dir).glob("*.tar.gz")):
        with tarfile.open(path) as sdist:
            for member in sdist.getmembers():
                name = member.name.split("/", 1)[-1]
                if member.isfile() and name.startswith(tuple(prefixes)):
                    out = pathlib.Path(out_dir, name)
                    out.parent.mkdir(parents=True, exist_ok=True)
                    out.write_bytes(sdist.extractfile(member).read())
                    count += 1
    if count == 0:
        print(f"no member of {sdist_dir}/*.tar.gz starts with {prefixes}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
