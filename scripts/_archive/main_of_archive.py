"""Runs ecsauth from the archive that this is in, with the part that was compiled for this Python.

Any Python can read this file, to be told that it is not one of those. Nothing but the standard library and the archive
is imported: not what is installed on the machine, not what PYTHONPATH names.
"""

import sys

PYTHONS = ()


class Part(object):
    """The modules and data of one Python, imported from memory."""

    def __init__(self, place, content, index):
        self._place, self._content, self._files = place, content, {}
        for line in index.decode().splitlines():
            name, start, size = line.rsplit(" ", 2)
            self._files[name] = (int(start), int(size))

    def find_spec(self, name, path=None, target=None):
        inside = name.replace(".", "/")
        for file, folder in ((inside + ".pyc", None), (inside + "/__init__.pyc", inside)):
            if file in self._files:
                spec = ModuleSpec(name, self, origin=self._place + file)
                spec.has_location = True
                if folder is not None:
                    spec.submodule_search_locations = [self._place + folder]
                return spec
        return None

    def create_module(self, spec):
        return None

    def exec_module(self, module):
        exec(self.get_code(module.__spec__.name), module.__dict__)

    def get_code(self, name):
        # Before the code stand the magic number, flags and a hash of the source.
        return marshal.loads(self._read(self._file_of(name))[16:])

    def is_package(self, name):
        return self._file_of(name).endswith("/__init__.pyc")

    def get_source(self, name):
        return None

    def get_filename(self, name):
        return self._place + self._file_of(name)

    def get_data(self, path):
        if not path.startswith(self._place) or path[len(self._place):] not in self._files:
            raise OSError(2, "not in the archive", path)
        return self._read(path[len(self._place):])

    def _file_of(self, name):
        inside = name.replace(".", "/")
        for file in (inside + ".pyc", inside + "/__init__.pyc"):
            if file in self._files:
                return file
        raise ImportError("not in the archive: " + name)

    def _read(self, file):
        start, size = self._files[file]
        return zlib.decompress(self._content[start:start + size], -15)


def own_path():
    """Return what of sys.path is the standard library's."""
    version = "python%d.%d" % sys.version_info[:2]
    kept = set()
    for prefix in (sys.base_prefix, sys.base_exec_prefix):
        for folder in ("lib", getattr(sys, "platlibdir", "lib")):
            library = "/".join((prefix.rstrip("/"), folder, version))
            kept.update((library, library + "/lib-dynload", library.replace(version, version.replace(".", "")) + ".zip"))
    return [one for one in sys.path if one in kept]


if sys.version_info[:2] not in [tuple(map(int, one.split("."))) for one in PYTHONS]:
    sys.stderr.write(
        "ecsauth: error: this archive runs on Python %s, and this is Python %d.%d\n"
        "ecsauth: hint: run it with one of those, as python%s FILE, or build another: scripts/build-archive --python\n"
        % ((", ".join(PYTHONS),) + sys.version_info[:2] + (PYTHONS[-1],))
    )
    sys.exit(6)

import marshal
import zlib
from importlib.machinery import ModuleSpec

NAME = "python%d.%d" % sys.version_info[:2]
WHOLE = __loader__.archive + "/"
sys.path[:] = own_path()
sys.meta_path.insert(
    0,
    Part(
        WHOLE + NAME + "/",
        memoryview(__loader__.get_data(WHOLE + NAME + ".zip")),
        __loader__.get_data(WHOLE + NAME + ".index"),
    ),
)

from bootstrap.cli import main

sys.exit(main())
