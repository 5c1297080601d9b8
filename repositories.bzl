"""The repositories that the robot kit needs, for Armature's own WORKSPACE and for those of others.

    local_repository(name = "armature", path = "/path/to/armature")
    load("@armature//:repositories.bzl", "armature_repositories")
    armature_repositories("/path/to/armature")

All of it is Debian's, except MuJoCo's renderer and Ruckig, which pip fetches.
"""

load("//third_party/system:system.bzl", "system_repository")
load("//third_party/wheel:sdist.bzl", "sdist_repository")
load("//third_party/wheel:wheel.bzl", "wheel_repository")

# Bazel's own rule sets, as Debian packages them (bazel-rules-java, bazel-rules-proto,
# bazel-skylib). Nothing here is fetched from a git host.
_DEBIAN_RULES = {
    "bazel_skylib": "tools/skylib",
    "rules_java": "rules/java",
    "rules_proto": "rules/proto",
}

def armature_repositories(path = "."):
    """Declares them.

    Args:
      path: of Armature's clone; absolute, or relative to the workspace that calls this.
    """
    for name, folder in _DEBIAN_RULES.items():
        native.local_repository(name = name, path = "/usr/share/bazel/" + folder)

    # Debian's rules_cc does not fit Debian's Bazel 4.2; see third_party/bazel.
    for name in ["rules_cc", "remote_coverage_tools"]:
        native.local_repository(name = name, path = path + "/third_party/bazel/" + name)

    # What apt has installed.
    native.new_local_repository(
        name = "dpkg",
        build_file_content = 'exports_files(["status"])',
        path = "/var/lib/dpkg",
    )

    # Libraries that Debian packages: gRPC, Protocol Buffers, Abseil, Bullet, ...
    system_repository(
        name = "system",
        build_file = Label("//third_party/system:BUILD.system.bazel"),
    )

    # What draws pictures: docs/decisions/0022-seeing.md.
    wheel_repository(
        name = "mujoco",
        build_file = Label("//third_party/wheel:BUILD.mujoco.bazel"),
        include = [
            "mujoco/include/mujoco/",
            "mujoco/libmujoco.so",
        ],
        requirements = Label("//third_party/wheel:mujoco.txt"),
    )

    # Trajectories of the safety shield: docs/decisions/0032-safety-shield.md.
    sdist_repository(
        name = "ruckig",
        build_file = Label("//third_party/wheel:BUILD.ruckig.bazel"),
        include = [
            "LICENSE",
            "include/ruckig/",
            "src/ruckig/",
        ],
        requirements = Label("//third_party/wheel:ruckig.txt"),
    )
