"""Reads the app's code for foreign text that reaches Markdown.

Whatever an argument that Streamlit renders as Markdown is made of must be constants (names in capitals are), numbers in
a numeric format, and calls of `escape_markdown`. What another function of the app passes on is looked up where it is
called.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.app.markdown_parameters import ANYWHERE, MARKUP_COLUMNS, OPTIONS, SINKS
from tests.browser import ROOT

MODULES = {path.stem for path in (ROOT / "app").rglob("*.py")} | {"figures", "tables", "html", "run", "_run", "r"}
# Constants whose items have fields that hold texts of this project alone, with those fields.
FIELDS = {"TERMS": ("name", "meaning")}
NUMBERS = {"len", "int", "float", "round", "sum", "min", "max"}
_NUMERIC = tuple("deEfFgGn%,")


@dataclass
class Scope:
    """A function, or a module's top level: what its names are given, and which of them are parameters."""

    name: str
    parent: "Scope | None" = None
    parameters: list[str] = field(default_factory=list)
    given: dict[str, list[ast.expr | None]] = field(default_factory=dict)  # None: given in a way that is not followed
    returned: list[ast.expr] = field(default_factory=list)
    functions: dict[str, "Scope"] = field(default_factory=dict)
    calls: list[ast.Call] = field(default_factory=list)


def scopes_of(node: ast.AST, scope: Scope) -> Iterator[Scope]:
    """This scope filled, and those inside it."""
    yield scope
    waiting = list(ast.iter_child_nodes(node))
    while waiting:
        found = waiting.pop(0)
        if isinstance(found, ast.FunctionDef):
            arguments = found.args
            names = [a.arg for a in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)]
            scope.functions[found.name] = inner = Scope(found.name, scope, names)
            waiting += found.decorator_list
            yield from scopes_of(ast.Module(found.body, []), inner)
            continue
        match found:
            case (
                ast.Assign(targets=[ast.Name(id=name)], value=value)
                | ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value)
                | ast.AugAssign(target=ast.Name(id=name), op=ast.Add(), value=value)
            ):
                scope.given.setdefault(name, []).append(value)
                waiting.append(value)
                continue
            case ast.Assign(targets=[ast.Tuple(elts=names)], value=ast.Tuple(elts=values)) if len(names) == len(values):
                waiting += [ast.Assign([target], value) for target, value in zip(names, values, strict=True)]
                continue
            case ast.Name(id=name, ctx=ast.Store()):  # of a loop, a with, a comprehension
                scope.given.setdefault(name, []).append(None)
            case ast.Return(value=ast.expr() as value):
                scope.returned.append(value)
            case ast.Call():
                scope.calls.append(found)
        waiting += ast.iter_child_nodes(found)


class Reader:
    """Finds the arguments of sinks that foreign text may reach."""

    def __init__(self) -> None:
        self.own: dict[str, tuple[object, ...]] = {}  # functions of the app that pass a parameter on
        self.modules: dict[str, Scope] = {}
        self.bare: list[str] = []

    def read(self, tree: ast.Module, path: str) -> list[str]:
        """Where this module hands a bare text to a sink."""
        while True:  # until no function turns out to pass a parameter on
            self.bare, known = [], dict(self.own)
            self.modules[Path(path).stem] = module = Scope(path)
            for scope in list(scopes_of(tree, module)):  # all of them filled before the first is looked at
                for call in scope.calls:
                    self._call(call, scope, path)
            if self.own == known:
                return self.bare

    def _call(self, call: ast.Call, scope: Scope, path: str) -> None:
        rendered = self._rendered(call.func)
        named = {k.arg: k.value for k in call.keywords}
        texts = [call.args[i] for i in rendered if isinstance(i, int) and i < len(call.args)]
        texts += [named[n] for n in rendered if n in named]
        shown = {getattr(a, "attr", "") for a in (call.func, *call.args)} & OPTIONS
        if shown:
            texts += self._options(call, named)
        if getattr(call.func, "attr", "") in MARKUP_COLUMNS:
            self.bare.append(f"{path}:{call.lineno}: {ast.unparse(call.func)}")
        for text in texts:
            if not self.safe(text, scope) and not self._passed_on(text, scope):
                self.bare.append(f"{path}:{text.lineno}: {ast.unparse(call.func)}({ast.unparse(text)})")

    def _rendered(self, function: ast.expr) -> tuple[object, ...]:
        """Which arguments of a function are Markdown: Streamlit's methods, by name; the app's own functions."""
        match function:
            case ast.Attribute(value=ast.Name(id=of), attr=name) if of in MODULES:
                return self.own.get(name, ANYWHERE)
            case ast.Attribute(attr=name):
                return SINKS.get(name, ANYWHERE)
            case ast.Name(id="widget"):  # a parameter that is one of the widgets
                return SINKS["button"]
            case ast.Name(id=name):
                return self.own.get(name, ANYWHERE)
        return ANYWHERE

    @staticmethod
    def _options(call: ast.Call, named: dict[str | None, ast.expr]) -> list[ast.expr]:
        """What becomes of the options: what `format_func` makes of them, or they themselves."""
        match named.get("format_func"):
            case None:
                first = 1 if isinstance(call.func, ast.Attribute) and call.func.attr in OPTIONS else 2
                return [named["options"]] if "options" in named else call.args[first : first + 1]
            case ast.Lambda(body=body):
                return [body]
            case ast.Attribute(value=options, attr="get" | "__getitem__"):
                return [options]
            case other:
                return [other]

    def _passed_on(self, text: ast.expr, scope: Scope) -> bool:
        """Whether the text is a parameter of the function around it: then that function is a sink itself."""
        if not isinstance(text, ast.Name) or text.id not in scope.parameters or text.id in scope.given:
            return False
        passed = [*self.own.get(scope.name, ANYWHERE), scope.parameters.index(text.id), text.id]
        self.own[scope.name] = tuple(dict.fromkeys(passed))  # in the order of a set, `read` might never end
        return True

    def safe(
        self,
        text: ast.expr,
        scope: Scope,
        followed: frozenset[str] = frozenset(),
        items: frozenset[str] = frozenset(),
    ) -> bool:
        """Return whether nothing foreign is in a text.

        Args:
            text: expression of the text.
            scope: scope in which the text stands.
            followed: names whose values are being checked, so that a name may be in its own value.
            items: what stands for items of a constant in the generator around the text: `name`, or `name.field`. They
                mean nothing in the values of other names, which were given outside of the generator.
        """

        def all_safe(parts: list[ast.expr]) -> bool:
            return all(self.safe(part, scope, followed, items) for part in parts)

        match text:
            case ast.Constant():
                return True
            case ast.JoinedStr(values=parts) | ast.List(elts=parts) | ast.Tuple(elts=parts):
                return all_safe(parts)
            case ast.Dict(keys=keys, values=values):
                return None not in keys and all_safe([*filter(None, keys), *values])
            case ast.BoolOp(values=parts):
                return all_safe(parts)
            case ast.FormattedValue(value=value, conversion=conversion, format_spec=spec):
                numeric = isinstance(spec, ast.JoinedStr) and ast.unparse(spec).rstrip("'\"").endswith(_NUMERIC)
                return numeric or (conversion == -1 and self.safe(value, scope, followed, items))
            case ast.IfExp(body=body, orelse=other):
                return all_safe([body, other])
            case ast.BinOp(left=left, op=ast.Add(), right=right):
                return all_safe([left, right])
            case ast.Name(id=name) if name.isupper() or name in followed or name in items:
                return True
            case ast.Attribute(attr=name) if name.isupper():
                return True
            case ast.Attribute(value=ast.Name(id=name), attr=attribute) if f"{name}.{attribute}" in items:
                return True
            case ast.Subscript(value=value):
                return self.safe(value, scope, followed, items)
            case ast.Name(id=name):
                given = self._given(name, scope)
                return bool(given) and all(v is not None and self.safe(v, scope, followed | {name}) for v in given)
            case ast.Call(func=ast.Name(id="escape_markdown")):
                return True
            case ast.Call(func=ast.Name(id=name)) if name in NUMBERS:
                return True
            case ast.Call(func=ast.Name(id=name)):
                made = self._function(name, scope)
                return made is not None and bool(made.returned) and all(self.safe(v, made) for v in made.returned)
            case ast.Call(func=ast.Attribute(value=ast.Name(id=of), attr=name)) if of in self.modules:
                return self.safe(ast.Call(ast.Name(name), [], []), self.modules[of])
            case ast.Call(
                func=ast.Attribute(value=ast.Constant(), attr="join"),
                args=[ast.GeneratorExp(elt=made, generators=[of])],
            ):
                names = {n.id for n in ast.walk(of.target) if isinstance(n, ast.Name)}
                return self.safe(made, scope, followed - names, (items - names) | self._items(of))
        return False

    @staticmethod
    def _items(of: ast.comprehension) -> frozenset[str]:
        """Return the items, and the fields of FIELDS, that a generator over a constant names; empty for any other."""
        match of.iter:
            case ast.Name(id=constant) if constant.isupper():
                pass
            case ast.Call(func=ast.Attribute(value=ast.Name(id=constant), attr="items" | "values"), args=[]):
                if not constant.isupper():
                    return frozenset()
            case _:
                return frozenset()
        if isinstance(of.target, ast.Name):
            return frozenset({of.target.id, *(f"{of.target.id}.{field}" for field in FIELDS.get(constant, ()))})
        return frozenset(n.id for n in ast.walk(of.target) if isinstance(n, ast.Name))

    @staticmethod
    def _given(name: str, scope: Scope | None) -> list[ast.expr | None]:
        while scope is not None:
            if name in scope.parameters:
                return []
            if name in scope.given:
                return scope.given[name]
            scope = scope.parent
        return []

    @staticmethod
    def _function(name: str, scope: Scope | None) -> Scope | None:
        while scope is not None:
            if name in scope.functions:
                return scope.functions[name]
            scope = scope.parent
        return None


def bare_sinks(files: list[Path]) -> list[str]:
    """Where foreign text may reach Markdown. Until nothing new is learned: a later file may define a function."""
    reader = Reader()
    for again, _ in enumerate(files):
        known = dict(reader.own)
        found = [text for f in files for text in reader.read(ast.parse(f.read_text(encoding="utf-8")), f.name)]
        if again and reader.own == known:
            break
    return found
