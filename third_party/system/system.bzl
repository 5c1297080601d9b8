"""Debian's libraries in /usr, and the versions that objects built from them depend on.

Headers in /usr/include, the compiler and protoc are not inputs of actions. Without the versions
in each command, an apt upgrade would leave stale objects in the output base and the disk cache.
"""

# What is compiled in, or compiles. Patterns as of dpkg-query.
_PACKAGES = [
    "clang-[0-9]*",
    "g++-[0-9]*",
    "libabsl-dev",
    "libbenchmark-dev",
    "libbullet-dev",
    "libc6-dev",
    "libcivetweb-dev",
    "libcli11-dev",
    "libegl-dev",
    "libeigen3-dev",
    "libfmt-dev",
    "libgif-dev",
    "libgmock-dev",
    "libgrpc++-dev",
    "libgrpc-dev",
    "libgtest-dev",
    "libonnx-dev",
    "libprotobuf-dev",
    "libspdlog-dev",
    "libssl-dev",
    "libstdc++-*-dev",
    "libtinyobjloader-dev",
    "libtinyxml2-dev",
    "libyaml-cpp-dev",
    "nlohmann-json3-dev",
    "prometheus-cpp-dev",
    "protobuf-compiler",
    "protobuf-compiler-grpc",
]

_VERSIONS_BUILD = """
exports_files(["versions.txt"])

cc_library(
    name = "versions",
    defines = ["ARMATURE_SYSTEM=%s"],
    visibility = ["//visibility:public"],
)
"""

def _installed_versions(repository_ctx):
    dpkg_query = repository_ctx.which("dpkg-query")
    if not dpkg_query:
        fail("dpkg-query is not on PATH: Armature builds on Debian")

    # Naming the file makes this rule run again whenever apt has changed it.
    database = repository_ctx.path(repository_ctx.attr.status).realpath.dirname
    result = repository_ctx.execute(
        [dpkg_query, "--admindir=%s" % database, "--show", "--showformat=${Package} ${Version}\\n"] +
        _PACKAGES,
        environment = {"LC_ALL": "C"},
    )
    if result.return_code > 1:  # 1: a pattern has no match.
        fail("dpkg-query: " + result.stderr)

    # Without a version: known, but not installed.
    return sorted([line for line in result.stdout.splitlines() if not line.endswith(" ")])

def _system_repository_impl(repository_ctx):
    for folder in ["include", "lib"]:
        repository_ctx.symlink("/usr/" + folder, folder)
    repository_ctx.symlink(repository_ctx.attr.build_file, "BUILD.bazel")
    versions = "\n".join(_installed_versions(repository_ctx)) + "\n"
    repository_ctx.file("versions/versions.txt", versions, executable = False)
    result = repository_ctx.execute(["sha256sum", "versions/versions.txt"])
    if result.return_code != 0:
        fail("sha256sum: " + result.stderr)
    repository_ctx.file(
        "versions/BUILD.bazel",
        _VERSIONS_BUILD % result.stdout[:16],
        executable = False,
    )

system_repository = repository_rule(
    implementation = _system_repository_impl,
    attrs = {
        "build_file": attr.label(mandatory = True),
        "status": attr.label(default = "@dpkg//:status", allow_single_file = True),
    },
    local = True,
)
