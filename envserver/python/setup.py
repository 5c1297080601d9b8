"""Adds one step to the build: the wire's descriptors, from the clone's proto folder.

They are all that the package takes from protoc. Message classes are made from them
when the package is imported, by whatever protobuf the user has; generated code would
tie the package to the protobuf that was there when it was built.
"""

from __future__ import annotations

import importlib.resources
import pathlib
import sys

from setuptools import setup
from setuptools.command.build_py import build_py

HERE = pathlib.Path(__file__).resolve().parent
PROTOS = HERE.parent.parent / "proto"
DESCRIPTORS = HERE / "armature" / "wire.descriptors"


def write_descriptors() -> None:
    if not PROTOS.is_dir():
        if DESCRIPTORS.is_file():  # A source archive: they were made with it.
            return
        sys.exit(f"setup.py: no {PROTOS}; build the package inside a clone of Armature")
    from grpc_tools import protoc  # Named in pyproject.toml's build requirements.

    included = importlib.resources.files("grpc_tools") / "_proto"
    status = protoc.main(
        [
            "protoc",
            f"--proto_path={PROTOS.parent}",
            f"--proto_path={included}",
            "--include_imports",
            f"--descriptor_set_out={DESCRIPTORS}",
            str(PROTOS / "env_service.proto"),
            str(PROTOS / "learner_service.proto"),
        ]
    )
    if status != 0:
        sys.exit(f"setup.py: protoc ended with status {status}")


class BuildWithDescriptors(build_py):
    def run(self) -> None:
        write_descriptors()
        super().run()


setup(cmdclass={"build_py": BuildWithDescriptors})
