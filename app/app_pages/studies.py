"""Studies: many runs that differ in one thing, and the table or figure over them."""

from app import faults, following, study_form, study_view
from app.heading import heading

place = heading("What changes when the setting does?")
with faults.told():
    run = following.chosen_run(place)
    following.name_in_address(run.id)
    chosen = study_form.draw(run)
    if chosen is not None:
        study_view.draw(chosen)
