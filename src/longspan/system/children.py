"""What a child that runs people's code is given: a part of the environment, and content by descriptor.

Least privilege: credentials in a shell are no business of a step. Whatever else a step needs, its
``with:`` declares as ``${env:NAME}``, which is handed over an inherited descriptor.
"""

from __future__ import annotations

import os
from collections.abc import Container, Mapping

_NAMES = ("PATH", "HOME", "USER", "LANG", "TZ", "TMPDIR", "VIRTUAL_ENV", "PYTHONPATH", "LD_LIBRARY_PATH")
_BEGINNINGS = ("LC_", "OMP_", "OPENBLAS_", "MKL_", "CUDA_", "NVIDIA_", "SSL_CERT_")


def passed_on(environment: Mapping[str, str], secrets: Container[str] = ()) -> dict[str, str]:
    """The part of `environment` that a child is given, without the `secrets`."""
    return {
        name: value
        for name, value in environment.items()
        if name not in secrets and (name in _NAMES or name.startswith(_BEGINNINGS))
    }


def in_memory(content: bytes) -> int:
    """A descriptor to read `content` from, backed by no file: nothing is left when everybody is killed."""
    descriptor = os.memfd_create("longspan", os.MFD_CLOEXEC)
    with open(os.dup(descriptor), "wb") as file:
        file.write(content)
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor
