"""How a compiled function is put together: what it calls becomes a part of it, and is no machine code of its own.

numba makes machine code of every function that another one calls, optimises it by itself, writes it into its caller and
optimises it there again. That takes twice as long as it must. Here a function called from compiled code stays LLVM's
intermediate representation, and so do numba's own functions meanwhile; the function that Python calls takes all of them
in, and is optimised once. They are private to it, so that no code loaded beside it can be taken for them.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from llvmlite.binding import parse_assembly  # type: ignore[import-untyped]
from numba.core import compiler, sigutils
from numba.core.codegen import JITCodeLibrary
from numba.core.dispatcher import _FunctionCompiler  # type: ignore[attr-defined]
from numba.core.registry import CPUDispatcher
from numba.core.typing.templates import make_concrete_template

from scanner.kernels import progress


class Kernel(CPUDispatcher):
    """A function that is compiled when it is called: by Python with all that it calls, by a kernel as a part of it."""

    def __init__(self, function: Callable[..., Any], options: dict[str, Any]) -> None:
        super().__init__(function, targetoptions=options)
        self._compiler = _Compiler(function, self.targetdescr, options, {}, compiler.Compiler)
        self._parts: dict[tuple[Any, ...], Any] = {}

    def keep(self, cache: Any) -> None:
        """Keep what is compiled for Python's calls in this cache."""
        self._cache = cache

    def get_call_template(self, args: Any, kws: Any) -> Any:
        """What numba asks for where another kernel calls this one: its signatures, and the arguments in order."""
        pysig, args = self._compiler.fold_argument_types(args, kws)
        if args not in self._parts:
            with self._compiling_counter:
                part = self._compiler.part(args)
            self.targetctx.insert_user_function(part.fndesc, part.fndesc, [part.library])
            self._parts[args] = part
        name = self.py_func.__name__
        signatures = [part.signature for part in self._parts.values()]
        return make_concrete_template(f"CallTemplate({name})", name, signatures), pysig, args, {}

    def get_overload(self, sig: Any) -> Any:
        """What that call is known by."""
        args, _ = sigutils.normalize_signature(sig)
        return self._parts[tuple(args)].fndesc


class _Compiler(_FunctionCompiler):
    """Compiles a function whole, for calls of Python's, or as a part of others."""

    def _compile_core(self, args: Any, return_type: Any) -> Any:
        codegen = self.targetdescr.target_context.codegen()
        library = _Whole(codegen, self.py_func.__qualname__)
        library.enable_object_caching()
        with progress.compiling(), _no_collection(), _parts_alone(codegen):
            compiled = self._compiled(args, return_type, library, no_cfunc_wrapper=True)
        # Those of its parts, which numba sets where it makes machine code of them.
        for environment in compiled._find_referenced_environments():
            codegen.set_env(environment.env_name, environment)
        return compiled

    def part(self, args: Any) -> Any:
        """The function for these types of arguments, as a part for others to take in."""
        library = _Part(self.targetdescr.target_context.codegen(), self.py_func.__qualname__)
        return self._compiled(args, None, library, no_compile=True, no_cpython_wrapper=True, no_cfunc_wrapper=True)

    def _compiled(self, args: Any, return_type: Any, library: Any, **more: bool) -> Any:
        flags = compiler.Flags()
        self.targetdescr.options.parse_as_flags(flags, self.targetoptions)
        for name, value in more.items():
            setattr(flags, name, value)
        contexts = self.targetdescr.typing_context, self.targetdescr.target_context
        return compiler.compile_extra(
            *contexts, self.py_func, args, return_type, flags, self.locals, library, self.pipeline_class
        )


@contextmanager
def _no_collection() -> Iterator[None]:
    """Compiling makes millions of objects that live until it is done; looking through them finds nothing."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


@contextmanager
def _parts_alone(codegen: Any) -> Iterator[None]:
    """Make parts of the functions of numba's own that are compiled meanwhile, too."""
    before = codegen._library_class
    codegen._library_class = _Part
    try:
        yield
    finally:
        codegen._library_class = before


class _Part(JITCodeLibrary):
    """A function as LLVM's intermediate representation."""

    def finalize(self) -> None:
        self._raise_if_finalized()
        self._finalized = True

    def get_pointer_to_function(self, name: str) -> int:
        """None: there is no machine code."""
        return 0

    @property
    def codegen(self) -> Any:
        return _Unset(self._codegen)

    def alone(self) -> Any:
        """Without the parts of its own."""
        return super()._get_module_for_linking()

    def _get_module_for_linking(self) -> Any:
        """With all of its parts, for code that is not put together here."""
        module = self.alone().clone()
        for library in _called(self):
            module.link_in(_module(library), preserve=True)
        return module


class _Unset:
    """numba's code generator, which tells a function's machine code where its constants are: a part has none."""

    def __init__(self, codegen: Any) -> None:
        self._codegen = codegen

    def __getattr__(self, name: str) -> Any:
        return getattr(self._codegen, name)

    def set_env(self, name: str, environment: Any) -> None:
        """Leave it to the function that takes the part in."""


class _Whole(JITCodeLibrary):
    """A function that Python calls, with everything that it calls."""

    def finalize(self) -> None:
        self._raise_if_finalized()
        own = {function.name for function in self.get_defined_functions()}
        for library in _called(self):
            self._reload_init.update(library._reload_init)
            self._final_module.link_in(_module(library), preserve=True)
        for function in self.get_defined_functions():
            if function.name not in own:
                function.linkage = "internal"
        self._optimize_final_module()
        self._final_module.verify()
        self._finalize_final_module()

    def serialize_using_object_code(self) -> tuple[str, str, tuple[bytes, bytes]]:
        """Machine code, and the names that stand for something in it: nobody takes it in, to want it readable too."""
        self._ensure_finalized()
        named = [function.name for function in self.get_defined_functions() if function.linkage.name == "external"]
        names = parse_assembly("\n".join(f'define void @"{name}"() {{ ret void }}' for name in named))
        return self.name, "object", (self._get_compiled_object(), names.as_bitcode())


def _called(library: Any) -> Iterator[Any]:
    """The libraries of everything that a library calls, each once."""
    met, waiting = {library}, [library]
    while waiting:
        for inner in waiting.pop()._linking_libraries:
            if inner not in met:
                met.add(inner)
                yield inner
                if isinstance(inner, _Part):  # any other has in it what it calls
                    waiting.append(inner)


def _module(library: Any) -> Any:
    return library.alone() if isinstance(library, _Part) else library._get_module_for_linking()
