"""CVAT for images 1.1: a tag for each image, which is its true class, or else the predicted one.

The format is that of https://docs.cvat.ai/docs/other/xml_format.
"""

import json
from xml.etree import ElementTree

from heat_core.exchange.picture_formats import IMAGES, About, Entry, PictureFormat

_ATTRIBUTES = ("key", "set", "true_class", "predicted_class", "confidence", "score", "p", "threshold")


def _describe(entries: list[Entry], about: About) -> dict[str, str]:
    """Write `annotations.xml`, and `labels.json` with the labels as a task of CVAT takes them."""
    root = ElementTree.Element("annotations")
    ElementTree.SubElement(root, "version").text = "1.1"
    task = ElementTree.SubElement(ElementTree.SubElement(root, "meta"), "task")
    for name, value in (("name", about.run_id), ("size", str(len(entries))), ("mode", "annotation")):
        ElementTree.SubElement(task, name).text = value
    labels = ElementTree.SubElement(task, "labels")
    for name in about.choices():
        label = ElementTree.SubElement(labels, "label")
        ElementTree.SubElement(label, "name").text = name
        ElementTree.SubElement(label, "type").text = "tag"
        ElementTree.SubElement(label, "attributes")
    for number, entry in enumerate(entries):
        root.append(_image(number, entry))
    ElementTree.indent(root)
    text = {"input_type": "text", "mutable": False, "default_value": "", "values": [""]}
    attributes = [{"name": name} | text for name in _ATTRIBUTES]
    raw = [{"name": name, "type": "tag", "attributes": attributes} for name in about.choices()]
    return {
        "annotations.xml": ElementTree.tostring(root, "unicode", xml_declaration=True),
        "labels.json": json.dumps(raw, indent=1),
    }


def _image(number: int, entry: Entry) -> ElementTree.Element:
    name = entry.path.removeprefix(f"{IMAGES}/")
    size = {"width": str(entry.width), "height": str(entry.height)}
    image = ElementTree.Element("image", {"id": str(number), "name": name} | size)
    record = entry.record
    source = "manual" if record.true_class else "auto"
    tag = ElementTree.SubElement(image, "tag", label=record.true_class or record.predicted_class, source=source)
    cells = record.fields()
    for attribute in _ATTRIBUTES:
        value = cells[attribute]
        text = f"{value:.6g}" if isinstance(value, float) else str(value)
        ElementTree.SubElement(tag, "attribute", name=attribute).text = text
    return image


CVAT = PictureFormat(
    title="CVAT for images",
    usage="Make a task of the files in `images`, paste labels.json into the Raw view of its labels, and upload "
    "annotations.xml as annotations of the format CVAT 1.1. The tag of an image is its true class, or else the "
    "predicted one (source auto).",
    describe=_describe,
)
