"""Studies: many runs that differ in one thing, and the table or figure over them."""

from app.common import faults, following
from app.common.heading import heading
from app.studies import study_form, study_view

place = heading("What changes when the setting does?")
with faults.told():
    run = following.chosen_run(place)
    following.name_in_address(run.id)
    chosen = study_form.draw(run)
    if chosen is not None:
        study_view.draw(chosen)
