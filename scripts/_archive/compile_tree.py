"""Compiles a tree of modules with the interpreter that runs it: `python -S -s compile_tree.py SOURCES OUT`.

Files keep their paths, as `.pyc`, which are never compared with a source: there is none beside them. No path of this
machine gets into them. They are compiled as by `python -OO`, without docstrings and asserts.
"""

import os
import py_compile
import sys

sources, out = sys.argv[1:]
for folder, folders, names in os.walk(sources):
    folders.sort()
    for name in sorted(names):
        if name.endswith(".py"):
            path = os.path.join(folder, name)
            inside = os.path.relpath(path, sources)
            py_compile.compile(
                path,
                cfile=os.path.join(out, inside + "c"),
                dfile=inside,
                doraise=True,
                optimize=2,
                invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
            )
sys.stdout.write(".".join(map(str, sys.version_info[:3])))
