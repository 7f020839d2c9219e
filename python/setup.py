"""Builds the operators with clang against the torch that is installed in this environment."""
import importlib.util
import os
import pathlib
import re
import shutil
import subprocess
import sys
import sysconfig
from concurrent.futures import ThreadPoolExecutor

# pip reads requires-python after it has run this file, which asks for torch.
if sys.version_info < (3, 10):
    sys.exit(f"vmunet-torch needs Python 3.10 or newer, and this is {sys.version_info[0]}.{sys.version_info[1]}: take another Python")

from setuptools import Extension, setup  # noqa: E402
from setuptools.command.bdist_wheel import bdist_wheel  # noqa: E402
from setuptools.command.build_ext import build_ext  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parent.parent


def torch_folder():
    """The installed torch, which pip's isolated build does not see by itself."""
    spec = importlib.util.find_spec("torch")
    candidates = [pathlib.Path(spec.origin).parent] if spec and spec.origin else []
    candidates += [pathlib.Path(sysconfig.get_path(name)) / "torch" for name in ("platlib", "purelib")]
    for folder in candidates:
        if (folder / "include" / "ATen" / "ATen.h").exists():
            return folder
    sys.exit("vmunet-torch is built against an installed torch, and there is none here: pip install torch first")


def torch_release():
    """Its operators' binary interface changes from one release to the next."""
    version = re.search(r"__version__ = '(\d+\.\d+)", (torch_folder() / "version.py").read_text())
    return version[1]


def compiler():
    """clang++, Swift's or the system's: the kernels use its vector types."""
    for name in (os.environ.get("VMUNET_CLANG"), "clang++", "/opt/swift/usr/bin/clang++"):
        if name and shutil.which(name):
            return name
    swift = shutil.which("swiftc")
    if swift and (beside := pathlib.Path(swift).resolve().parent / "clang++").exists():
        return str(beside)
    sys.exit("vmunet-torch needs clang++, which comes with Swift: put it on PATH or name it in VMUNET_CLANG")


def is_current(built, command):
    """An object that this command made, newer than all that it was made of."""
    made_by = built.with_suffix(".command")
    if not built.exists() or not made_by.exists() or made_by.read_text() != command:
        return False
    parts = built.with_suffix(".d").read_text().replace("\\\n", " ").split()[1:]
    parts += re.findall(r"\S+\.pch(?= )", command)  # clang does not list it
    return all(os.path.exists(part) and os.path.getmtime(part) <= built.stat().st_mtime for part in parts)


class Build(build_ext):
    def get_ext_filename(self, name):
        return name.replace(".", "/") + ".so"  # no part of Python is in it

    def build_extension(self, extension):
        torch, clang = torch_folder(), compiler()
        target = pathlib.Path(self.get_ext_fullpath(extension.name))
        work = pathlib.Path(self.build_temp).resolve()
        for folder in (work, target.parent):
            folder.mkdir(parents=True, exist_ok=True)
        sources = ROOT / "Sources"
        flags = ["-std=c++17", "-O2", "-fPIC", "-fvisibility=hidden", "-MMD"]
        flags += [f"-I{torch / 'include'}", f"-I{torch / 'include/torch/csrc/api/include'}"]
        flags += [f"-I{sources / folder}" for folder in ("CKernels/include", "CTorch/include")]

        def compiled(file, *options, kind=".o"):
            to = work / (str(file.relative_to(sources)).replace("/", "-") + kind)
            command = [str(part) for part in (clang, *flags, *options, file, "-o", to)]
            if not is_current(to, " ".join(command)):
                subprocess.run(command, check=True)
                to.with_suffix(".command").write_text(" ".join(command))
            return to

        # Most of the time goes into reading libtorch's headers: once.
        headers = compiled(sources / "CTorch" / "libtorch.h", "-x", "c++-header", kind=".pch")
        on_torch = ("-include-pch", headers, "-c")
        files = [(file, "-c") for file in sorted((sources / "CKernels").glob("*.cpp"))]
        files += [(file, *on_torch) for file in sorted((sources / "CTorch").rglob("*.cpp"))]
        with ThreadPoolExecutor(int(os.environ.get("MAX_JOBS", os.cpu_count() or 1))) as pool:
            objects = list(pool.map(lambda file: compiled(*file), files))
        libraries = ["-ltorch_cpu", "-lc10", "-ldl", "-lpthread"]
        link = [clang, "-shared", *objects, "-o", target, f"-L{torch / 'lib'}", *libraries]
        subprocess.run(link + (["-Wl,--no-undefined"] if sys.platform == "linux" else []), check=True)


class Wheel(bdist_wheel):
    def get_tag(self):
        return "py3", "none", super().get_tag()[2]


if __name__ == "__main__":
    setup(
        ext_modules=[Extension("vmunet_torch._operators", sources=[])],
        cmdclass={"build_ext": Build, "bdist_wheel": Wheel},
        install_requires=[f"torch=={torch_release()}.*"],
    )
