"""Unpacks a PyPI wheel, named by package and version, into a repository."""

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

def download_wheels(repository_ctx, requirements, include, with_dependencies = False):
    """Downloads wheels with pip and extracts the members that `include` names.

    Args:
      repository_ctx: the context of the calling repository rule.
      requirements: pip requirements, each pinned with ==.
      include: prefixes of the archive members to extract.
      with_dependencies: whether pip may add what the wheels require.
    """
    python = repository_ctx.which("python3")
    if not python:
        fail("python3 is not on PATH; install it with: apt-get install python3 python3-pip")
    download = [python, "-m", "pip", "download", "--quiet", "--dest", "wheels"] + PIP_PLATFORM
    if not with_dependencies:
        download = download + ["--no-deps"]
    result = repository_ctx.execute(download + requirements, timeout = 1800)
    if result.return_code != 0:
        fail("pip could not fetch %s (is python3-pip installed, is PyPI reachable?):\n%s" %
             (" ".join(requirements), result.stderr))
    script = repository_ctx.path(Label("//third_party/wheel:unpack.py"))
    result = repository_ctx.execute(
        [python, script, "wheels", "."] + include,
        timeout = 1800,
    )
    if result.return_code != 0:
        fail("could not unpack %s:\n%s" % (" ".join(requirements), result.stderr))
    repository_ctx.delete("wheels")

def _wheel_repository_impl(repository_ctx):
    download_wheels(
        repository_ctx,
        [repository_ctx.attr.requirement],
        repository_ctx.attr.include,
    )
    repository_ctx.symlink(repository_ctx.attr.build_file, "BUILD.bazel")

wheel_repository = repository_rule(
    implementation = _wheel_repository_impl,
    attrs = {
        "build_file": attr.label(mandatory = True),
        "include": attr.string_list(mandatory = True),
        "requirement": attr.string(mandatory = True),
    },
)
