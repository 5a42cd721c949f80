"""The one thing that pyproject.toml cannot say: the C front end is compiled at install, where there is a compiler."""

from __future__ import annotations

from setuptools import setup
from setuptools.command.build_ext import build_ext


class OptionalBuildExt(build_ext):
    """Without a compiler the package still installs; the NumPy specification then takes the C's place."""

    def finalize_options(self) -> None:
        super().finalize_options()
        for extension in self.extensions or []:
            extension.optional = True


setup(
    cffi_modules=["kws_edge/frontend/native_build.py:ffibuilder"],
    cmdclass={"build_ext": OptionalBuildExt},
)
