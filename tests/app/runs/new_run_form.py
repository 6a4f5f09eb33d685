"""The form of a new run, filled."""

from streamlit.testing.v1 import AppTest

from tests.app.test_pages import page


def form(sets, id="train", id_test="test", ood="ood") -> AppTest:
    """The form with these folders."""
    test = page("runs", view="new")
    choose_network(test, "new-backbone", "heat-demo-resnet")
    for key, value in (("new-id", id), ("new-id_test", id_test), ("new-ood-0-source", ood)):
        test.text_input(key=key).set_value(str(sets / value) if value else "").run()
    assert not test.exception
    return test


def choose_network(test: AppTest, key: str, name: str) -> None:
    """Type the name of a network; AppTest knows only names that the field offers."""
    box = test.selectbox(key=key)
    if name not in box.options:
        box.options.append(name)
    box.set_value(name).run()


def show_demo(test: AppTest) -> None:
    """Choose the embedded demo in a form that shows one's own images."""
    test.segmented_control(key="new-images-False").set_value("Embedded demo").run()


def can_start(test: AppTest) -> bool:
    (button,) = [b for b in test.button if b.label == "Start the run"]
    return not button.disabled
