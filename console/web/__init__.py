"""The console in the browser: FastAPI, Jinja2 and htmx; no build step, nothing from the internet.

One file for each page or family of pages, with a template of the same name; `app` puts them together. What a page shows is
gathered by the same functions as what a command prints; nothing here decides about leads.
"""
