"""As much of JSON Schema as schemas/ uses; the rest is refused rather than passed over."""
import re

TYPES = {
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
    "string": lambda value: isinstance(value, str),
    "number": lambda value: isinstance(value, (int, float)) and not isinstance(value, bool),
    "integer": lambda value: isinstance(value, int) and not isinstance(value, bool),
}
KNOWN = {"$schema", "$id", "$defs", "$ref", "title", "description", "type", "required", "properties", "additionalProperties",
         "items", "maxItems", "const", "minimum", "maximum", "minLength", "pattern"}


def misfit(document, schema, value, at="it"):
    """Why `value` does not fit `schema` of `document`, or ''."""
    if unknown := set(schema) - KNOWN:
        raise ValueError(f"this reader of schemas does not know {sorted(unknown)}")
    if "$ref" in schema:
        target = document
        for part in schema["$ref"].removeprefix("#/").split("/"):
            target = target[part]
        if why := misfit(document, target, value, at):
            return why
    if "const" in schema and value != schema["const"]:
        return f"{at} is not {schema['const']!r}"
    if "type" in schema and not TYPES[schema["type"]](value):
        return f"{at} is not of type {schema['type']}"
    if isinstance(value, dict):
        return misfit_of_object(document, schema, value, at)
    if isinstance(value, list):
        if len(value) > schema.get("maxItems", len(value)):
            return f"{at} has too many items"
        return next(filter(None, (misfit(document, schema.get("items", {}), item, f"{at}[{place}]")
                                  for place, item in enumerate(value))), "")
    if isinstance(value, str):
        if len(value) < schema.get("minLength", 0) or not re.search(schema.get("pattern", ""), value):
            return f"{at} does not look as it should"
    elif not isinstance(value, bool) and value is not None:
        if not schema.get("minimum", value) <= value <= schema.get("maximum", value):
            return f"{at} is out of range"
    return ""


def misfit_of_object(document, schema, value, at):
    properties = schema.get("properties", {})
    for name in schema.get("required", []):
        if name not in value:
            return f"{at} has no {name}"
    for name, inner in value.items():
        if name in properties:
            if why := misfit(document, properties[name], inner, f"{at}.{name}"):
                return why
        elif schema.get("additionalProperties", True) is False:
            return f"{at}.{name} is unknown"
    return ""
