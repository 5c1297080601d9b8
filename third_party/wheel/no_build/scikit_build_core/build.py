"""Stands in for the build backend of a source that is downloaded, not built: see sdist.bzl."""

import email
import pathlib


def prepare_metadata_for_build_wheel(metadata_directory, config_settings=None):
    text = pathlib.Path("PKG-INFO").read_text(encoding="utf-8")
    metadata = email.message_from_string(text)
    folder = pathlib.Path(metadata_directory) / f"{metadata['Name']}-{metadata['Version']}.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text(text, encoding="utf-8")
    return folder.name
