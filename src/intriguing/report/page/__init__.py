"""The page of an experiment: one HTML file with every table and figure, readable without a network.

What the page says is in its template, ``resources/page/page.html.j2``, and in the captions of
``workflow/report``; `render` fills them in, and the other modules make what the template shows.
"""
