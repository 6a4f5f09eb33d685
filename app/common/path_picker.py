"""Dialog that chooses a folder or a file on this machine for a field that holds a path.

It lists what the app itself can read, as a typed path does; `app.server.access_control` decides who may open the app.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from app.common import faults
from app.common.text import escape_markdown
from app.state import session
from heat_core import HeatError
from heat_core.data.containers.members import ARCHIVE_SUFFIXES
from heat_core.data.formats.row_paths import LIST_SUFFIXES
from heat_core.data.image_io import suffixes
from heat_core.storage import expand_home, heat_home, permission_error

IMAGE_SOURCES = (*LIST_SUFFIXES, *ARCHIVE_SUFFIXES)  # files that hold or name images
WEIGHTS = (".safetensors", ".pth", ".pt", ".bin", ".ckpt", ".tar")
_OPEN, _FOLDER, _FIND = "picker-open", "picker-folder", "picker-find"  # keys of the session
_MOST_SHOWN = 200  # entries that are drawn at once


@dataclass
class Listing:
    """What the dialog shows of a folder; hidden entries, whose names begin with a dot, are left out.

    Attributes:
        folders: names of the folders in it, sorted.
        files: names of the files that can be chosen, sorted.
        images: number of image files directly in it.
        unreadable: number of names that are not UTF-8, which a field cannot hold.
    """

    folders: list[str] = field(default_factory=list)
    files: list[str] = field(default_factory=list)
    images: int = 0
    unreadable: int = 0


def list_folder(folder: Path, endings: tuple[str, ...]) -> Listing:
    """List a folder.

    Args:
        folder: the folder.
        endings: endings of the files that can be chosen, in lower case.

    Raises:
        HeatError: if the folder cannot be read.
    """
    found, of_images = Listing(), tuple(suffixes())
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.name.startswith("."):
                    continue
                if not entry.name.isascii() and entry.name != entry.name.encode(errors="replace").decode():
                    found.unreadable += 1
                elif os.path.isdir(entry.path):  # False where it cannot be read, unlike `entry.is_dir()`
                    found.folders.append(entry.name)
                elif entry.name.lower().endswith(endings):
                    found.files.append(entry.name)
                elif entry.name.lower().endswith(of_images):
                    found.images += 1
    except OSError as error:
        raise permission_error(folder, error) from error
    found.folders.sort(key=str.casefold)
    found.files.sort(key=str.casefold)
    return found


def places() -> dict[str, Path]:
    """Return title → folder of the places from which the dialog starts, without those that do not exist."""
    known = {
        "Home": Path.home(),
        "Working folder": Path.cwd(),
        "Data of HEAT_HOME": heat_home() / "data",
        "Whole machine": Path(Path.cwd().anchor),
    }
    return {title: folder for title, folder in known.items() if os.path.isdir(folder)}


def path_button(
    place: DeltaGenerator,
    name: str,
    path: str,
    store: Callable[[str], None],
    endings: tuple[str, ...] = IMAGE_SOURCES,
    folders: bool = True,
) -> None:
    """Draw the button that opens the dialog, and the dialog itself while it is open.

    Args:
        place: element in which the button is drawn.
        name: name of the field, unique on the page.
        path: present value of the field, from which the dialog starts where it is a folder.
        store: stores the chosen path in the field; called before the page is drawn again.
        endings: endings of the files that can be chosen.
        folders: whether a folder can be chosen.
    """

    def open_dialog() -> None:
        typed = expand_home(path.strip())
        near = (typed, typed.parent) if typed.is_absolute() else ()
        start = next(filter(os.path.isdir, near), session.get(_FOLDER) or Path.home())
        session.set_values(**{_OPEN: name, _FOLDER: str(start), _FIND: ""})

    if session.get("page-opened") and session.get(_OPEN) == name:
        session.pop(_OPEN)  # The page was left while the dialog was open.
    place.button(
        "",
        icon=":material/folder_open:",
        key=f"browse-{name}",
        help="Browse this machine.",
        on_click=open_dialog,
    )
    if session.get(_OPEN) == name:
        _draw_dialog(name, store, endings, folders)


@st.dialog(
    "Choose on this machine",
    width="medium",
    on_dismiss=lambda: session.pop(_OPEN),
)
def _draw_dialog(name: str, store: Callable[[str], None], endings: tuple[str, ...], folders: bool) -> None:
    if session.get(_OPEN) != name:  # A callback below has stored a path.
        st.rerun()
    folder = Path(session.get(_FOLDER))

    def choose(chosen: Path) -> None:
        session.pop(_OPEN)
        store(str(chosen))

    _draw_navigation(folder)
    try:
        found = list_folder(folder, endings)
    except HeatError as error:
        faults.show(error)
        return
    words = str(session.get(_FIND, "")).casefold().split()
    entries = [(True, n) for n in found.folders] + [(False, n) for n in found.files]
    entries = [entry for entry in entries if all(word in entry[1].casefold() for word in words)]
    with st.container(height=300, key="picker-entries", gap=None):
        for i, (is_inner, entry) in enumerate(entries[:_MOST_SHOWN]):
            st.button(
                escape_markdown(entry),
                icon=":material/folder:" if is_inner else ":material/draft:",
                type="tertiary",
                key=f"picker-{i}-{entry}",
                on_click=_enter if is_inner else choose,
                args=(folder / entry,),
            )
    st.caption(_summarize(found, len(entries), folders))
    if folders:
        st.button(
            "Use this folder",
            type="primary",
            icon=":material/check:",
            key="picker-use",
            on_click=choose,
            args=(folder,),
        )


def _enter(folder: Path) -> None:
    session.set_values(**{_FOLDER: str(folder), _FIND: ""})


def _draw_navigation(folder: Path) -> None:
    """Draw the path of the folder, the way up, the places to start from, and the filter."""
    st.text(str(folder))
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        st.button(
            "Up",
            icon=":material/arrow_upward:",
            key="picker-up",
            disabled=folder.parent == folder,
            on_click=_enter,
            args=(folder.parent,),
        )
        for title, start in places().items():
            st.button(
                escape_markdown(title), key=f"picker-place-{title}", type="tertiary", on_click=_enter, args=(start,)
            )
    st.text_input("Filter by name", key=_FIND, placeholder="Filter by name", label_visibility="collapsed")


def _summarize(found: Listing, shown: int, with_images: bool) -> str:
    """Say what is in a folder, and how much of it is not drawn."""
    text = f"{len(found.folders):,d} folders"
    if with_images:
        text += f" · {found.images:,d} images directly in this folder"
    if shown > _MOST_SHOWN:
        text += f" · the first {_MOST_SHOWN:d} of {shown:,d} entries are listed: filter by name"
    if found.unreadable:
        text += f" · {found.unreadable:,d} names that are not UTF-8 are not listed"
    return text
