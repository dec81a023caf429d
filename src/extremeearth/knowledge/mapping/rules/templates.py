"""String templates: ``field/{id}`` with backslash escapes (R2RML section 7.3, RML-Core templates)."""

from __future__ import annotations

from extremeearth.core.errors import MappingError
from extremeearth.knowledge.mapping.rules.document import Reference, Template

__all__ = ["parse_template"]

_ESCAPABLE = "{}\\"


def parse_template(text: str) -> Template:
    r"""Read a template into texts and references.

    A brace or a backslash that is meant itself is written after a backslash.

    Raises
    ------
    MappingError
        Braces do not pair, a reference is empty or holds a brace, or a backslash escapes nothing.

    Examples
    --------
    >>> parse_template("field/{id}").parts
    ('field/', Reference(name='id'))
    >>> parse_template(r"\{ {a} \}").parts
    ('{ ', Reference(name='a'), ' }')
    """
    parts: list[str | Reference] = []
    current: list[str] = []
    inside = False
    characters = iter(text)
    for character in characters:
        if character == "\\":
            following = next(characters, "")
            if following not in _ESCAPABLE or not following:
                raise _broken(text, "a backslash stands before a character that needs none")
            current.append(following)
        elif character == "{":
            if inside:
                raise _broken(text, "a brace opens inside a reference")
            if current:
                parts.append("".join(current))
            current, inside = [], True
        elif character == "}":
            if not inside:
                raise _broken(text, "a brace closes that was not opened")
            if not current:
                raise _broken(text, "a reference is empty")
            parts.append(Reference("".join(current)))
            current, inside = [], False
        else:
            current.append(character)
    if inside:
        raise _broken(text, "a brace is not closed")
    if current:
        parts.append("".join(current))
    return Template(tuple(parts))


def _broken(text: str, why: str) -> MappingError:
    return MappingError(
        f"The template '{text}' cannot be read: {why}.",
        hint="Write references as {name}, and braces that are meant themselves as \\{ and \\}.",
    )
