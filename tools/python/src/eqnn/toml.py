"""Writes the TOML of a sweep's file: Python itself can only read it."""
import json


def to_toml(document):
    """A dict of texts, numbers, truth values, lists and dicts as TOML, inner dicts as inline tables. TypeError for others."""
    return "".join(f"{_text(str(key))} = {_value(key, value)}\n" for key, value in document.items() if value is not None)


def _text(value):
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _value(key, value):
    value = value.tolist() if hasattr(value, "tolist") else value  # NumPy's scalars and arrays
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, (int, float)):
        return repr(value)
    if isinstance(value, (list, tuple, range)):
        return "[" + ", ".join(_value(key, item) for item in value) + "]"
    if isinstance(value, dict):
        inner = ", ".join(f"{_text(str(k))} = {_value(k, v)}" for k, v in value.items() if v is not None)
        return "{" + inner + "}"
    raise TypeError(f"{key} is {value!r}; a sweep takes numbers, texts, truth values, lists and dicts of them")
