"""The Studies page: sets of runs that differ in one setting, with a table or figure over them."""

from app.common import faults, run_picker
from app.common.heading import heading
from app.state import session
from app.studies import study_form, study_view

run_column = heading("Studies")
with faults.show_errors():
    run = run_picker.pick_run(run_column)
    session.write_run_address(run.id)
    study = study_form.draw(run)
    if study is not None:
        study_view.draw(study)
