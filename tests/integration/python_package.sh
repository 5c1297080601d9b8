# To be sourced: virtual environments for tests, and the Python package built from this
# clone and installed for one test.
#
# Virtual environments are kept, one for each file of requirements, and made when they are
# not there; only that needs a network, and for the newest one 6 GB of disk (torch).

package="" # Set by install_python_package.
python_cache="${XDG_CACHE_HOME:-$HOME/.cache}/armature/python"

# python_with NAME prints the Python that has what envserver/python/tests/
# requirements-NAME.txt asks for.
python_with() {
  local requirements="envserver/python/tests/requirements-$1.txt" hash folder
  hash="$({ cat "$requirements" && python3 --version; } | sha256sum | head -c 12)"
  folder="$python_cache/$1-$hash"
  (
    flock 9
    [[ -e "$folder/complete" ]] && exit
    echo "python_package: installing $requirements into $folder (once)" >&2
    rm -rf "$python_cache/$1"-*/ # Half made, or for requirements that are no more.
    if ! python3 -m venv "$folder" || ! "$folder/bin/pip" install --quiet --disable-pip-version-check --no-cache-dir \
      --requirement "$requirements" >&2; then
      echo "python_package: cannot install $requirements; $(df -h --output=avail "$folder" |
        tail -n 1 | tr -d ' ') of disk are free" >&2
      exit 1
    fi
    touch "$folder/complete"
  ) 9>"$(mkdir -p "$python_cache" && echo "$python_cache/$1.lock")" || return 1
  echo "$folder/bin/python"
}

# install_python_package NAME sets `python` to python_with NAME and `package` to a new
# temporary folder (the caller removes it) that holds a copy of the sources in
# envserver/python and the installed package in site, which is put on PYTHONPATH, and its
# programs on PATH.
install_python_package() {
  python="$(python_with "$1")"
  package="$(mktemp -d)"
  export XDG_STATE_HOME="$package/state" # The user's list of runs is left alone.
  tar --exclude=__pycache__ --exclude='*.egg-info' --exclude=envserver/python/build \
    --exclude=wire.descriptors -c proto envserver/python | tar -x -C "$package"
  local pip=("$python" -m pip --quiet --disable-pip-version-check)
  "${pip[@]}" wheel --no-deps --no-build-isolation --wheel-dir "$package" \
    "$package/envserver/python"
  rm -r "$package/envserver/python/build" # Not to be taken for sources.
  "${pip[@]}" install --no-deps --target "$package/site" "$package"/armature-*.whl
  export PYTHONPATH="$package/site" PATH="$package/site/bin:$PATH" PYTHONDONTWRITEBYTECODE=1
}
