"""Teaches papermill to write a notebook's parameters in Go.

papermill loads this as an engine (it has no other door for plug-ins); what counts is the translator that is registered on the way.
"""
import json
import math

from papermill.engines import NBClientEngine
from papermill.exceptions import PapermillException
from papermill.translators import Translator, papermill_translators


class GoTranslator(Translator):
    """Writes `%param NAME = VALUE`, which assigns to the variable of that name, or declares it where there is none."""

    @classmethod
    def translate_escaped_str(cls, val):
        # JSON's escapes are Go's, but for the two halves of what lies beyond U+FFFF: those characters stay as they are.
        return json.dumps(str(val), ensure_ascii=False).replace("\x7f", "\\x7f")

    @classmethod
    def translate_none(cls, val):
        raise PapermillException("a parameter is null, and Go's nil has no type: leave the parameter out to keep the notebook's own value")

    @classmethod
    def translate_float(cls, val):
        if math.isnan(val):
            return "math.NaN()"
        if math.isinf(val):
            return f"math.Inf({1 if val > 0 else -1})"
        return repr(val)

    @classmethod
    def element(cls, values):
        """The Go type of the elements of a list or mapping."""
        kinds = {type(v) for v in values}
        if kinds == {int, float}:
            kinds = {float}
        if len(kinds) == 1:
            kind = kinds.pop()
            plain = {bool: "bool", int: "int", float: "float64", str: "string"}
            if kind in plain:
                return plain[kind]
            if kind is list:
                inner = {cls.element(v) for v in values}
                return "[]" + (inner.pop() if len(inner) == 1 else "any")
            if kind is dict:
                inner = {cls.element(v.values()) for v in values}
                return "map[string]" + (inner.pop() if len(inner) == 1 else "any")
        return "any"

    @classmethod
    def literal(cls, val, typ):
        """val as a Go expression that may stand where typ is wanted."""
        if typ.startswith("[]"):
            return typ + "{" + ", ".join(cls.literal(v, typ[2:]) for v in val) + "}"
        if typ.startswith("map[string]"):
            pairs = (f"{cls.translate_escaped_str(k)}: {cls.literal(v, typ[11:])}" for k, v in val.items())
            return typ + "{" + ", ".join(pairs) + "}"
        return "nil" if val is None else cls.translate(val)

    @classmethod
    def translate_list(cls, val):
        return cls.literal(val, "[]" + cls.element(val))

    @classmethod
    def translate_dict(cls, val):
        return cls.literal(val, "map[string]" + cls.element(val.values()))

    @classmethod
    def comment(cls, text):
        return "\n".join("// " + line for line in text.splitlines())

    @classmethod
    def assign(cls, name, value):
        return f"%param {name} = {value}"


class GoLabEngine(NBClientEngine):
    """papermill's own engine."""


for kernel in ("golab", "gonb", "go"):
    papermill_translators.register(kernel, GoTranslator)
