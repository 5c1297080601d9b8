#!/bin/bash
# Packs programs, the shared libraries they need and data into one archive.
#
#   make_bundle.sh ARCHIVE [--program PATH] [--data FOLDER=PATH] [--runfile PATH] [--root PATH]
#     [--robot_kit PATH] ...
#
# A runfile is what a program reads: it is put where the program looks for it, as in Bazel's
# own tree beside a program. Of the robot kit are headers, an archive and a file for CMake.
#
# Left out: glibc, which the other machine has (this one's version is the least),
# and LibTorch with what it brings, which the launcher finds there.
set -euo pipefail

archive="$(realpath -m "$1")"
shift
stage="$(mktemp -d)"
trap 'rm -rf "$stage"' EXIT
root="$stage/armature"
mkdir -p "$root/bin" "$root/lib"

glibc='^(linux-vdso|ld-linux[^.]*|lib(c|m|dl|pthread|rt|resolv|util|anl))\.so'
libtorch='^lib(torch|c10|cudart|cupti|cuda|cu|nv|gomp)[^/]*\.so'

# Copies a program and what it links.
add_program() {
  local program="$root/bin/$(basename "$1")" library target
  cp -L "$1" "$program"
  chmod u+w "$program"
  strip "$program"
  # Asked of the original: its run path leads to LibTorch, whose needs show too.
  while read -r library _ target _; do
    library="$(basename "$library")"
    if [[ "$library" =~ $glibc || "$library" =~ $libtorch ]]; then continue; fi
    if [[ "$target" != /* ]]; then
      echo "make_bundle.sh: $1 needs $library, which is not found" >&2
      exit 1
    fi
    cp -nL "$target" "$root/lib/$library"
  done < <(ldd "$1")
}

while (($# > 0)); do
  case "$1" in
    --program) add_program "$2" ;;
    --data)
      mkdir -p "$root/${2%%=*}"
      cp -L "${2#*=}" "$root/${2%%=*}/"
      ;;
    --runfile)
      # external/REPOSITORY/PATH or PATH, perhaps built: in bazel-out/*/bin.
      path="${2#bazel-out/*/bin/}"
      if [[ "$path" == external/* ]]; then path="${path#external/}"; else path="armature/$path"; fi
      mkdir -p "$root/runfiles/$(dirname "$path")"
      cp -L "$2" "$root/runfiles/$path"
      ;;
    --robot_kit)
      path="${2#bazel-out/*/bin/}"
      case "$path" in
        *.h) path="include/armature/$path" ;;
        *.a | *.so.*) path="lib/$(basename "$path")" ;;
        *.cmake) path="lib/cmake/Armature/$(basename "$path")" ;;
      esac
      mkdir -p "$root/$(dirname "$path")"
      cp -L "$2" "$root/$path"
      ;;
    --root) cp -L "$2" "$root/" ;;
    *)
      echo "make_bundle.sh: '$1'?" >&2
      exit 2
      ;;
  esac
  shift 2
done
if [[ -d "$root/runfiles" ]]; then
  for program in "$root"/bin/*; do ln -s ../runfiles "$program.runfiles"; done
fi
chmod -R u+w,a+rX "$root"
# The same content gives the same archive.
tar -C "$stage" --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner -cf - armature |
  gzip -9n >"$archive"
