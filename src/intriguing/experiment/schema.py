"""An experiment against its JSON schema: defaults filled in, a mistake reported in one sentence."""

from __future__ import annotations

import copy
import difflib
import math
from collections.abc import Iterable, Iterator
from typing import Any

import jsonschema

from intriguing.errors import ExperimentError, listed, quoted, shortened

# this many choices are listed rather than guessed at
FEW = 2


def validate(settings: Any, schema: dict[str, Any]) -> None:
    """Fill in defaults, in place; raise `ExperimentError` on the first mistake.

    Parameters
    ----------
    settings : dict
        Content of the file.
    schema : dict
        The JSON schema.
    """
    validator = _WithDefaults(schema)
    error = jsonschema.exceptions.best_match(validator.iter_errors(settings))
    if error is not None:
        raise ExperimentError(_sentence(error))


def _fill_defaults(
    validator: Any, properties: dict[str, Any], instance: Any, schema: Any
) -> Iterator[Any]:
    if isinstance(instance, dict):
        for name, subschema in properties.items():
            if "default" in subschema and name not in instance:
                # a copy, so that filling in its own defaults does not change the schema
                instance[name] = copy.deepcopy(subschema["default"])
    yield from jsonschema.Draft202012Validator.VALIDATORS["properties"](
        validator, properties, instance, schema
    )


def _is_integer(checker: Any, value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(checker: Any, value: Any) -> bool:
    return _is_integer(checker, value) or (isinstance(value, float) and math.isfinite(value))


# JSON has one kind of number, in which 2.0 is whole; Python code that counts with it does not
_WithDefaults = jsonschema.validators.extend(
    jsonschema.Draft202012Validator,
    {"properties": _fill_defaults},
    type_checker=jsonschema.Draft202012Validator.TYPE_CHECKER.redefine_many(
        {"integer": _is_integer, "number": _is_number}
    ),
)


def _sentence(error: Any) -> str:
    key = shortened(".".join(str(part) for part in error.absolute_path)) or "the file"
    value = quoted(error.instance)
    if error.validator == "additionalProperties":
        known = list(error.schema.get("properties", {}))
        if not known:
            return f"{key} has to be empty: this architecture takes no options"
        unknown = next(name for name in error.instance if name not in known)
        return f"unknown key {_key(error, unknown)}; {suggest(str(unknown), known)}"
    if error.validator == "required":
        missing = next(name for name in error.validator_value if name not in error.instance)
        return f"{_key(error, missing)} is missing: add it"
    if error.validator == "enum":
        return f"{key} is {value}; {suggest(str(error.instance), error.validator_value)}"
    if error.validator == "type":
        kinds = error.validator_value
        words = " or ".join(_TYPES[k] for k in ([kinds] if isinstance(kinds, str) else kinds))
        return f"{key} is {value}, but has to be {words}: correct it"
    if error.validator == "pattern" and key.endswith("factory"):
        return f"{key} is {value}: give package.module:function"
    if error.validator == "pattern":
        return f"{key}: {value} has other characters than letters, digits and . _ -"
    if error.validator in ("minProperties", "maxProperties") and "properties" in error.schema:
        return f"{key} must have exactly one of the keys {', '.join(error.schema['properties'])}"
    if error.validator in _LIMITS:
        return f"{key} is {value}: give {_LIMITS[error.validator]} {error.validator_value}"
    return f"{key}: {shortened(error.message)}: correct it"


_LIMITS = {
    "minimum": "at least",
    "exclusiveMinimum": "more than",
    "maximum": "at most",
    "exclusiveMaximum": "less than",
}


_TYPES = {
    "array": "a list, such as [2]",
    "object": "a mapping of keys to values",
    "integer": "a whole number",
    "number": "a finite number",
    "string": "text",
    "boolean": "true or false",
}


def _key(error: Any, name: str) -> str:
    return shortened(".".join([*(str(part) for part in error.absolute_path), str(name)]))


def suggest(word: str, known: Iterable[Any]) -> str:
    """Advice on an unknown word: the closest known one, or all if they are few."""
    names = [str(name) for name in known]
    close = difflib.get_close_matches(word, names, 1)
    if close and len(names) > FEW:
        return f"did you mean {quoted(close[0])}?"
    return f"choose one of {listed(names)}"
