"""What `mkdocs build` does beyond its configuration: pages made from the code, links out of docs/, formulas.

The home page is the README, and the page of the command line is made from its parser. Formulas become MathML, so that
no page needs a script or a font from another machine.
"""

import argparse
import html
import posixpath
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from latex2mathml.converter import convert
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

from heat_core.cli.parser import build_parser

ROOT = Path(__file__).resolve().parents[1]
HOME, COMMAND_LINE, DETECTORS = "index.md", "reference/cli.md", "reference/detectors.md"
_PICTURES = {".gif", ".png", ".svg", ".webp"}
_LINK = re.compile(r"(!?)\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^)\s]+)\)")
_FORMULA = re.compile(r'<(span|div) class="arithmatex">\\[(\[](.*?)\\[)\]]</\1>', re.S)
_CELL = re.compile(r"<td>(?!.*<code).*?</td>")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the home page, the page of the command line, and the pictures of assets/."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    files.append(File.generated(config, HOME, content=readme))
    files.append(File.generated(config, COMMAND_LINE, content=command_line_page()))
    for picture in sorted((ROOT / "assets").iterdir()):
        if picture.suffix in _PICTURES:
            files.append(File.generated(config, f"assets/{picture.name}", abs_src_path=str(picture)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Point links at the pages of the site, or at the repository where they lead out of docs/; list the detectors."""
    if page.file.src_uri == HOME:
        page.meta["hide"] = ["navigation"]
    if page.file.src_uri == DETECTORS:
        options = "    options: {heading_level: 3, members: false, inherited_members: false}"
        directives = "\n\n".join(f"::: {name}\n{options}" for name in detector_classes().values())
        markdown = re.sub(r"<!-- [^>]*-->", directives, markdown)
    folder = "" if page.file.src_uri == HOME else posixpath.join("docs", posixpath.dirname(page.file.src_uri))

    def replace(link: re.Match[str]) -> str:
        mark, text, target = link.groups()
        if re.match(r"[a-z]+:|#", target):
            return link[0]
        path, _, anchor = target.partition("#")
        path = posixpath.normpath(posixpath.join(folder, path))
        inside = path.removeprefix("docs/")
        if files.get_file_from_path(inside) is not None and (path != inside or path.startswith("assets/")):
            return f"{mark}[{text}]({_relative(inside, page)}{f'#{anchor}' if anchor else ''})"
        if path in detector_classes():
            return f"[{text}]({_relative(DETECTORS, page)}#{detector_classes()[path]})"
        if (ROOT / path).exists() and not path.startswith("docs/"):
            return f"[{text}]({config.repo_url}/blob/HEAD/{path})" if config.repo_url else text
        return link[0]  # to nothing: mkdocs names it

    return _LINK.sub(replace, markdown)


def on_page_content(content: str, **_: object) -> str:
    """Turn formulas into MathML, and keep pairs and intervals in cells of tables on one line."""

    def replace(formula: re.Match[str]) -> str:
        display = "block" if formula[1] == "div" else "inline"
        return convert(html.unescape(formula[2]).strip(), display=display)

    def join(cell: re.Match[str]) -> str:
        pairs = re.sub(r"(\d) / (\d)", "\\1\u00a0/\u00a0\\2", cell[0])
        return re.sub(r"(\d)–(\d)", "\\1–\u2060\\2", pairs)

    return _CELL.sub(join, _FORMULA.sub(replace, content))


@cache
def detector_classes() -> dict[str, str]:
    """Map the file of each detector, in alphabetical order, to the full name of its class."""
    found = {}
    for path in sorted((ROOT / "heat_core" / "detectors").glob("[!_]*.py")):
        named = re.search(r"^class ([A-Z]\w*)\(", path.read_text(encoding="utf-8"), re.M)
        if named and path.stem != "base":
            found[f"heat_core/detectors/{path.name}"] = f"heat_core.detectors.{path.stem}.{named[1]}"
    return found


def _relative(path: str, page: Page) -> str:
    """Write the path of a file of the site as seen from a page."""
    return posixpath.relpath(path, posixpath.dirname(page.file.src_uri) or ".")


def command_line_page() -> str:
    """Describe every verb and every option, in Markdown with tables in HTML."""
    parser = build_parser()
    verbs = next(action.choices for action in parser._actions if isinstance(action, argparse._SubParsersAction))
    lines = [
        "# Command line",
        "",
        "This page is made from the parser of the installed version. `heat` is short for `python -m heat_core`; "
        "`heat VERB --help` shows the same text. Runs, features and downloads are stored in `$HEAT_HOME` (default: the "
        "user's cache). After an error that the command can explain, the exit code is 2; after a cancelled one, 130.",
        "",
        *_tables(parser),
    ]
    for name, verb in verbs.items():
        usage = " ".join(verb.format_usage().removeprefix("usage: ").split())
        usage = re.sub(r"^.*?" + re.escape(name), f"heat {name}", usage)
        lines += [f"## {name}", "", _text(verb.description or ""), "", f"```\n{_wrapped(usage)}\n```", ""]
        lines += _tables(verb)
    return "\n".join(lines)


def _tables(parser: argparse.ArgumentParser) -> Iterator[str]:
    """Yield a table of each group of arguments, with its title where it is not one of argparse's own."""
    for group in parser._action_groups:
        rows = [_row(action, parser) for action in group._group_actions if action.help != argparse.SUPPRESS]
        if rows:
            if group.title not in ("options", "positional arguments"):
                yield f"**{_text((group.title or '').capitalize())}**\n"
            yield f'<table class="options"><tbody>\n{chr(10).join(rows)}\n</tbody></table>\n'


def _row(action: argparse.Action, parser: argparse.ArgumentParser) -> str:
    """Write a row of the table: how the argument is written, and its help."""
    value = action.metavar if isinstance(action.metavar, str) else (action.dest.upper() if action.nargs != 0 else "")
    value += " …" if action.nargs in ("+", "*") else ""
    written = ", ".join(action.option_strings) or value
    if action.option_strings and value:
        written += f" {value}"
    needed = " (required)" if action.required and action.option_strings else ""
    expanded = parser._get_formatter()._expand_help(action) if action.help else ""
    return f"<tr><td><code>{html.escape(written)}</code></td><td>{_text(expanded)}{needed}</td></tr>"


def _text(text: str) -> str:
    """Escape a text of argparse for HTML; what stands between backticks is code."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", html.escape(text, quote=False)).replace("*", "&#42;")


def _wrapped(usage: str, width: int = 96) -> str:
    """Break a usage between its options."""
    lines = [""]
    for part in re.findall(r"\[[^\[\]]*(?:\[[^\]]*\][^\[\]]*)*\]|\S+(?: [A-Z|=]+(?=\s))?", usage):
        if len(lines[-1]) + len(part) > width:
            lines.append("    ")
        lines[-1] += part + " "
    return "\n".join(line.rstrip() for line in lines)
