"""What the browser fetches beside the page: pictures, and files to take along. The address of each says what it is of.

Everything comes from finished runs of HEAT_HOME; `access_control` stands before these routes, too.
"""

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

from PIL import Image
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from app.common.file_urls import PREFIX
from app.common.following import Version, version_of
from app.state.look import from_query
from app.workbench import subset
from heat_core import HeatError, Run
from heat_core.analysis.newcomers import Newcomers
from heat_core.analysis.samples import Samples
from heat_core.reporting.thumbnails import encoded
from heat_core.runs.events import RUN_FILE
from heat_core.runs.experiment import TRAIN
from heat_core.runs.record import ENERGIES, SCORED, Scored
from heat_core.storage import file_name, heat_home

_SIDES = (96, 192, 384, 768, 1536)  # few, so that the browser's cache is used again
_A_DAY = {"Cache-Control": "private, max-age=86400"}  # the address of a picture holds the version of its run


def routes() -> list[Route]:
    """The routes, for `st.App`."""
    return [Route(f"{PREFIX}/picture", _picture), Route(f"{PREFIX}/take", _take)]


def _told(answer: Callable[[Request], Response]) -> Callable[[Request], Response]:
    """A sentence where something cannot be had."""

    def endpoint(request: Request) -> Response:
        try:
            return answer(request)
        except HeatError as error:
            return PlainTextResponse(str(error).encode(errors="backslashreplace"), 404)
        except (OSError, ValueError, KeyError, IndexError):
            return PlainTextResponse("There is nothing here.", 404)

    return endpoint


@_told
def _picture(request: Request) -> Response:
    asked = request.query_params
    side = min((s for s in _SIDES if s >= int(asked.get("side", 192))), default=_SIDES[-1])
    content, kind = encoded(_image(asked["run"], asked.get("set"), asked.get("batch"), int(asked["row"])), side)
    return Response(content, media_type=kind, headers=_A_DAY)


def _image(run_id: str, dataset: str | None, batch: str | None, row: int) -> Image.Image:
    run = _run(run_id)
    if row < 0:
        raise IndexError(row)
    if batch is not None:
        return _scored(run, batch).place(row).read()
    ids = run.training_ids if dataset == TRAIN else run.ids(str(dataset))
    return run.image(str(dataset), str(ids[row]))


def _scored(run: Run, batch: str) -> Scored:
    """What a run found of a batch of new images, whose name is no path."""
    path = _inside(run.folder / "own", batch) / SCORED
    return _opened_batch(str(path), version_of(path))


@lru_cache(maxsize=4)
def _opened_batch(path: str, version: Version) -> Scored:  # noqa: ARG001 (part of the cache's key)
    return Scored.load(Path(path))


@_told
def _take(request: Request) -> Response:
    """The samples that an address names, as a table, with their pictures, or the run's report."""
    asked = dict(request.query_params)
    run, kind = _run(asked["run"]), asked.get("kind", "csv")
    look = from_query(asked, run)
    if kind == "report":
        from heat_core.reporting.report import to_html  # imports plotly: only when it is asked for

        return _file(to_html(run, look.lens()).encode(), "text/html", f"{run.id}.html")
    samples = Newcomers(run, _scored(run, asked["batch"]), asked["batch"]) if asked.get("of") == "new" else Samples(run)
    numbers = subset.numbers(samples, look)
    content, media_type = subset.taken_along(samples, numbers, look.lens(), kind)
    return _file(content, media_type, f"{run.id}-samples.{kind}")


def _file(content: bytes, media_type: str, name: str) -> Response:
    safe = file_name(name).encode("ascii", "replace").decode().replace('"', "_").replace("?", "_")
    return Response(content, media_type=media_type, headers={"Content-Disposition": f'attachment; filename="{safe}"'})


def _run(name: str) -> Run:
    """A run of HEAT_HOME by its name, which is no path."""
    folder = _inside(heat_home() / "runs", name)
    return _opened(str(folder), version_of(folder / ENERGIES, folder / RUN_FILE))


def _inside(folder: Path, name: str) -> Path:
    """The folder of that name right inside another one; HeatError for a name that leads elsewhere."""
    found = folder / name
    if found.parent != folder or name in ("", ".", ".."):
        raise HeatError("There is nothing of that name.")
    return found


@lru_cache(maxsize=4)
def _opened(folder: str, version: Version) -> Run:  # noqa: ARG001 (part of the cache's key)
    return Run.open(Path(folder))
