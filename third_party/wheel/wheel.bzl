"""Unpacks PyPI wheels, named by package, version and hash, into a repository."""

# pip matches a platform tag to the letter, so every glibc a wheel may have been
# built against, up to Debian 12's own generation, is named.
PIP_PLATFORM = [
    "--only-binary=:all:",
    "--python-version=3.11",
    "--implementation=cp",
    "--platform=any",
    "--platform=manylinux1_x86_64",
    "--platform=manylinux2014_x86_64",
] + ["--platform=manylinux_2_%d_x86_64" % minor for minor in range(17, 29)]

def download_wheels(repository_ctx, requirements, include):
    """Downloads wheels with pip and extracts the members that `include` names.

    Args:
      repository_ctx: the context of the calling repository rule.
      requirements: a file of pip requirements, each with its version and hash; a wheel with
        another hash is refused.
      include: prefixes of the archive members to extract.
    """
    python = repository_ctx.which("python3")
    if not python:
        fail("python3 is not on PATH; install it with: apt-get install python3 python3-pip")
    path = repository_ctx.path(requirements)
    download = [python, "-m", "pip", "download", "--quiet", "--dest", "wheels", "--no-deps"]
    result = repository_ctx.execute(
        download + PIP_PLATFORM + ["--require-hashes", "--requirement", path],
        timeout = 1800,
    )
    if result.return_code != 0:
        fail("pip could not fetch what %s names (is python3-pip installed, is PyPI reachable?):\n%s" %
             (path, result.stderr))
    script = repository_ctx.path(Label("//third_party/wheel:unpack.py"))
    result = repository_ctx.execute(
        [python, script, "wheels", "."] + include,
        timeout = 1800,
    )
    if result.return_code != 0:
        fail("could not unpack what %s names:\n%s" % (path, result.stderr))
    repository_ctx.delete("wheels")

def _wheel_repository_impl(repository_ctx):
    download_wheels(
        repository_ctx,
        repository_ctx.attr.requirements,
        repository_ctx.attr.include,
    )
    repository_ctx.symlink(repository_ctx.attr.build_file, "BUILD.bazel")

wheel_repository = repository_rule(
    implementation = _wheel_repository_impl,
    attrs = {
        "build_file": attr.label(mandatory = True),
        "include": attr.string_list(mandatory = True),
        "requirements": attr.label(mandatory = True),
    },
)
