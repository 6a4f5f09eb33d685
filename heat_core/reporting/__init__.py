"""Tables, figures, pages and files made from finished runs."""
