"""Routes of pictures and downloads, which the browser requests beside the page.

Everything is read from the runs of HEAT_HOME. `access_control` checks these requests, too.
"""

import io
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

from PIL import Image
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from app.common.cached_runs import Version, version_of
from app.common.file_urls import url_prefix
from heat_core import HeatError, Run
from heat_core.analysis.new_images import NewImages
from heat_core.exchange.export import file_name_of, media_type_of, write_export
from heat_core.findings.training_images import samples_of_kind
from heat_core.names import file_name
from heat_core.runs.events import RUN_FILE
from heat_core.runs.experiment import TRAIN
from heat_core.runs.results_file import ENERGIES
from heat_core.runs.scored_images import SCORED, ScoredImages
from heat_core.storage import heat_home
from heat_core.workbench import filtered_samples
from heat_core.workbench.pictures import encode_for_browser
from heat_core.workbench.view_state import from_query_params

# Pictures may be cached for a day, because their addresses contain the version of their run.
_A_DAY = {"Cache-Control": "private, max-age=86400"}


def routes() -> list[Route]:
    """Return the routes for `st.App`, below the base path of the server; Streamlit adds it to its own routes alone."""
    prefix = url_prefix()
    return [Route(f"{prefix}/picture", _send_picture), Route(f"{prefix}/take", _send_export)]


def _as_response(respond: Callable[[Request], Response]) -> Callable[[Request], Response]:
    """Wrap an endpoint so that its errors become responses with status 404 and a sentence."""

    def endpoint(request: Request) -> Response:
        try:
            return respond(request)
        except HeatError as error:
            return PlainTextResponse(str(error).encode(errors="backslashreplace"), 404)
        except (OSError, ValueError, KeyError, IndexError):
            return PlainTextResponse("There is nothing here.", 404)

    return endpoint


@_as_response
def _send_picture(request: Request) -> Response:
    query = request.query_params
    image = _read_image(query["run"], query.get("set"), query.get("batch"), int(query["row"]))
    content, kind = encode_for_browser(image, int(query.get("side", 192)))
    return Response(content, media_type=kind, headers=_A_DAY)


def _read_image(run_id: str, dataset: str | None, batch: str | None, row: int) -> Image.Image:
    run = _open_run(run_id)
    if row < 0:
        raise IndexError(row)
    if batch is not None:
        return _load_batch(run, batch).place(row).read()
    ids = run.training_ids if dataset == TRAIN else run.ids(str(dataset))
    return run.image(str(dataset), str(ids[row]))


def _load_batch(run: Run, batch: str) -> ScoredImages:
    """Load the scores of a batch of new images by its name, which must not be a path."""
    path = _child_folder(run.folder / "own", batch) / SCORED
    return _cached_batch(str(path), version_of(path))


@lru_cache(maxsize=4)
def _cached_batch(path: str, version: Version) -> ScoredImages:  # noqa: ARG001 (part of the cache's key)
    return ScoredImages.load(Path(path))


@_as_response
def _send_export(request: Request) -> Response:
    """Send the samples that an address names in a format of `heat_core.exchange`, or the run's report."""
    query = dict(request.query_params)
    run, kind = _open_run(query["run"]), query.get("kind", "csv")
    view = from_query_params(query, run)
    if kind == "report":
        from heat_core.reporting.report import to_html  # Imported here because plotly takes long to import.

        return _attachment(to_html(run, view.lens()).encode(), "text/html", f"{run.id}.html")
    samples = samples_of_kind(run, query.get("of", ""))
    if query.get("of") == "new":
        samples = NewImages(run, _load_batch(run, query["batch"]), query["batch"])
    numbers = filtered_samples.filtered_numbers(samples, view)
    out = io.BytesIO()
    write_export(samples, numbers, kind, out, view.lens())
    return _attachment(out.getvalue(), media_type_of(kind), file_name_of(kind, run.id))


def _attachment(content: bytes, media_type: str, name: str) -> Response:
    safe = file_name(name).encode("ascii", "replace").decode().replace('"', "_").replace("?", "_")
    return Response(content, media_type=media_type, headers={"Content-Disposition": f'attachment; filename="{safe}"'})


def _open_run(name: str) -> Run:
    """Open a run of HEAT_HOME by its name, which must not be a path."""
    folder = _child_folder(heat_home() / "runs", name)
    return _cached_run(str(folder), version_of(folder / ENERGIES, folder / RUN_FILE))


def _child_folder(folder: Path, name: str) -> Path:
    """Return the path of a folder directly inside another one.

    Raises:
        HeatError: if the name leads to another place.
    """
    child = folder / name
    if child.parent != folder or name in ("", ".", ".."):
        raise HeatError("There is nothing of that name.")
    return child


@lru_cache(maxsize=4)
def _cached_run(folder: str, version: Version) -> Run:  # noqa: ARG001 (part of the cache's key)
    return Run.open(Path(folder))
