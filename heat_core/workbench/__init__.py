"""The workbench over a run's samples, without the page that it is mounted in.

`browser` holds its JavaScript; the modules here pack the samples for it, answer its messages, and parse the settings
that it sends. `app.workbench` mounts it in Streamlit.
"""
