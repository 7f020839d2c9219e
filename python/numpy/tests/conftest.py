"""Tests the installed package or, if VMUNET_C_LIBRARY names a built library, this folder's with it."""
import os
import pathlib
import shutil
import sys
import tempfile

if library := os.environ.get("VMUNET_C_LIBRARY"):
    folder = tempfile.TemporaryDirectory()
    package = pathlib.Path(folder.name) / "vmunet"
    shutil.copytree(pathlib.Path(__file__).parent.parent / "vmunet", package, ignore=shutil.ignore_patterns("_library*", "__pycache__"))
    (package / ("_library" + pathlib.Path(library).suffix)).symlink_to(library)
    sys.path.insert(0, folder.name)
