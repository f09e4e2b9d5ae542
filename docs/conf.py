"""Settings of the documentation, which ``make docs`` builds with warnings as errors."""

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "docs"))  # settings_page

project = "graphkit"
author = "graphkit authors"
copyright = "2026, graphkit authors"
release = (ROOT / "graphkit" / "version.py").read_text(encoding="utf-8").split('"')[-2]
version = release

extensions = [
    "myst_nb",
    "settings_page",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "sphinx.ext.napoleon",
]
exclude_patterns = ["_build"]
templates_path = ["_templates"]

# Tutorials are notebooks in Markdown. They run when the documentation is built, in empty folders; those that have not
# changed since are taken from docs/_build/.jupyter_cache.
nb_execution_mode = "cache"
nb_execution_in_temp = True
nb_execution_timeout = 300
nb_execution_raise_on_error = True
os.environ.setdefault("PYTHONWARNINGS", "ignore:IProgress not found")  # of tqdm, without widgets

# Markdown pages: $...$ for maths, and links to headings.
myst_enable_extensions = ["amsmath", "colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3

# Docstrings are in Google's style with PyG's extra sections.
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_custom_sections = ["Shapes", "Reference", "Differences", "Extension"]
napoleon_use_ivar = True
autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
autodoc_default_options = {"members": True, "show-inheritance": True}
python_use_unqualified_type_names = True
add_module_names = False

html_theme = "furo"
html_static_path = ["_static"]
html_css_files = ["custom.css"]
html_title = f"graphkit {release}"
html_show_sourcelink = False
