"""The form of a new run, filled."""

from streamlit.testing.v1 import AppTest

from tests.app.test_pages import page


def form(sets, id="train", id_test="test", ood="ood") -> AppTest:
    """The form with these folders."""
    test = page("runs", view="new")
    test.text_input(key="new-backbone").set_value("heat-demo-resnet").run()
    for key, value in (("new-id", id), ("new-id_test", id_test), ("new-ood-0-source", ood)):
        test.text_input(key=key).set_value(str(sets / value) if value else "").run()
    assert not test.exception
    return test


def can_start(test: AppTest) -> bool:
    (button,) = [b for b in test.button if b.label == "Start the run"]
    return not button.disabled
