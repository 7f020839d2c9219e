"""Builds the shared library of Sources/VMUNetC with Swift."""
import os
import pathlib
import shutil
import subprocess
import sys

from setuptools import Extension, setup
from setuptools.command.bdist_wheel import bdist_wheel
from setuptools.command.build_ext import build_ext

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent


class Build(build_ext):
    def get_ext_filename(self, name):
        return name.replace(".", "/") + (".dylib" if sys.platform == "darwin" else ".so")  # no part of Python is in it

    def build_extension(self, extension):
        if not shutil.which("swift"):
            sys.exit("vmunet is built with Swift 6.1 or newer, and there is no swift on PATH")
        scratch = os.environ.get("VMUNET_PYTHON_BUILD", str(ROOT / ".build-python"))
        command = ["swift", "build", "-c", "release", "--product", "vmunet-c", "--scratch-path", scratch, "--package-path", str(ROOT)]
        if sys.platform == "linux":
            command += ["-Xswiftc", "-static-stdlib"]  # the wheel works where there is no Swift
        if subprocess.run(command).returncode:
            sys.exit("vmunet could not be built: see above. `./vmunet setup predict` installs the C libraries that it needs")
        target = pathlib.Path(self.get_ext_fullpath(extension.name))
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(pathlib.Path(scratch) / "release" / ("libvmunet-c" + target.suffix), target)
        if shutil.which("strip") and sys.platform == "linux":
            subprocess.run(["strip", "--strip-unneeded", target], check=True)


class Wheel(bdist_wheel):
    def get_tag(self):
        return "py3", "none", super().get_tag()[2]


setup(ext_modules=[Extension("vmunet._library", sources=[])], cmdclass={"build_ext": Build, "bdist_wheel": Wheel})
