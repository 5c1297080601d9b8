"""Versions of everything that is fetched by package name. Change them here only."""

# LibTorch comes out of the PyPI wheel of this version.
LIBTORCH_VERSION = "2.11.0"

# The wheel that carries the Franka Panda's URDF and meshes (Apache-2.0).
BULLET_DATA_WHEEL = "pybullet==3.2.7"
