"""Scripts without a suffix as modules: the benchmarks build on one another."""
import importlib.machinery
import importlib.util
import pathlib
import sys


def neighbour(script, name):
    """The script `name` beside `script` (a __file__)."""
    loader = importlib.machinery.SourceFileLoader(name, str(pathlib.Path(script).with_name(name)))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader(name, loader))
    sys.dont_write_bytecode = True
    loader.exec_module(module)
    return module
