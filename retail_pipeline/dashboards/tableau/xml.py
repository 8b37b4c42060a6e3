"""Small tools for writing Tableau's XML: elements, and ids that are the same every time."""

from uuid import UUID, uuid5
from xml.etree import ElementTree as ET

USER = "http://www.tableausoftware.com/xml/user"
"""The namespace of attributes such as user:ui-marker."""

ET.register_namespace("user", USER)

_IDS = UUID("5d5e2e0c-54b3-5b5c-9a0c-4f1c7f0f3d0a")
"""Ours; it must never change, lest every id does."""


def element(tag: str, *children: ET.Element | None, **attributes: str) -> ET.Element:
    """An element; `_` in attribute names stands for `-` (a leading one is dropped: `class_`), and None is left out."""
    made = ET.Element(tag, {name.rstrip("_").replace("_", "-"): value for name, value in attributes.items()})
    made.extend(child for child in children if child is not None)
    return made


def text(tag: str, content: str, **attributes: str) -> ET.Element:
    """An element that holds text."""
    made = element(tag, **attributes)
    made.text = content
    return made


def formatted(*paragraphs: str, **style: str) -> ET.Element:
    """Text as Tableau keeps it, a paragraph each."""
    runs: list[ET.Element] = []
    for paragraph in paragraphs:
        if runs:
            runs.append(text("run", "Æ\n"))  # Tableau's own mark of a line's end
        runs.append(text("run", paragraph, **style))
    return element("formatted-text", *runs)


def hex_id(*about: str, digits: int = 32) -> str:
    """Hexadecimal digits that stand for something, always the same."""
    return uuid5(_IDS, "/".join(about)).hex[:digits]


def simple_id(*about: str) -> ET.Element:
    """The identity of a sheet, a dashboard or a window."""
    return element("simple-id", uuid=f"{{{str(uuid5(_IDS, '/'.join(about))).upper()}}}")


def document(root: ET.Element) -> bytes:
    """The file's bytes, indented so that differences can be read."""
    ET.indent(root)
    return ET.tostring(root, encoding="utf-8", xml_declaration=True) + b"\n"
