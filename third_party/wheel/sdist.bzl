"""Unpacks PyPI source distributions, named by package, version and hash, into a repository."""

def _sdist_repository_impl(repository_ctx):
    python = repository_ctx.which("python3")
    if not python:
        fail("python3 is not on PATH; install it with: apt-get install python3 python3-pip")
    path = repository_ctx.path(repository_ctx.attr.requirements)

    # pip asks a source's build backend for its metadata even to download it. The real backend
    # would be fetched without a hash and run; ours reads PKG-INFO.
    backend = repository_ctx.path(Label("//third_party/wheel:no_build/scikit_build_core/build.py"))
    result = repository_ctx.execute(
        [python, "-m", "pip", "download", "--quiet", "--dest", "sdists", "--no-deps"] +
        ["--no-binary=:all:", "--no-build-isolation", "--require-hashes", "--requirement", path],
        environment = {"PYTHONPATH": str(backend.dirname.dirname)},
        timeout = 600,
    )
    if result.return_code != 0:
        fail("pip could not fetch what %s names (is python3-pip installed, is PyPI reachable?):\n%s" %
             (path, result.stderr))
    script = repository_ctx.path(Label("//third_party/wheel:unpack_sdist.py"))
    result = repository_ctx.execute(
        [python, script, "sdists", "."] + repository_ctx.attr.include,
        timeout = 600,
    )
    if result.return_code != 0:
        fail("could not unpack what %s names:\n%s" % (path, result.stderr))
    repository_ctx.delete("sdists")
    repository_ctx.symlink(repository_ctx.attr.build_file, "BUILD.bazel")

# `include` names prefixes of members, below the archive's one folder NAME-VERSION/. Only sources
# whose build backend is scikit_build_core can be fetched so far.
sdist_repository = repository_rule(
    implementation = _sdist_repository_impl,
    attrs = {
        "build_file": attr.label(mandatory = True),
        "include": attr.string_list(mandatory = True),
        "requirements": attr.label(mandatory = True),
    },
)
