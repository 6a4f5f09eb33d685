"""Every run of HEAT_HOME, and the folders there that cannot be read."""

from heat_core.errors import HeatError
from heat_core.runs.run import RUN_OF_STUDY, Run
from heat_core.storage import heat_home


def list_runs() -> list[Run]:
    """Every readable run in HEAT_HOME, newest first; those of studies come after all others."""
    return _runs()[0]


def damaged_runs() -> dict[str, str]:
    """Folder of HEAT_HOME/runs that cannot be read → why."""
    return _runs()[1]


def _runs() -> tuple[list[Run], dict[str, str]]:
    runs, damaged = [], {}
    for folder in sorted((heat_home() / "runs").glob("[!.]*")):  # one that begins with a dot is only being made
        if not folder.is_dir():
            continue
        try:
            run = Run.open(folder)
            _ = run.experiment  # its description may be the damaged part
            runs.append(run)
        except HeatError as error:  # a damaged folder must not hide the others
            damaged[folder.name] = str(error)

    newest_first = sorted(runs, key=lambda run: run.info.get("created", 0), reverse=True)
    return sorted(newest_first, key=lambda run: run.id.startswith(RUN_OF_STUDY)), damaged
