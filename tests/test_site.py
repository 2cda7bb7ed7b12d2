"""The static site: what is put into it, what the checker of links finds, and where Sphinx is installed, the pages."""

import json
import shutil
import sys

import build_site
import pytest

CODE = {"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": 1, "source": "1 + 1"}


def notebook(*cells):
    return {"cells": list(cells), "metadata": {"kernelspec": {"name": "python3", "display_name": "Python 3"}},
            "nbformat": 4, "nbformat_minor": 5}  # fmt: skip


def markdown(text):
    return {"cell_type": "markdown", "metadata": {}, "source": text}


@pytest.fixture
def course(tmp_path):
    """A course of one lesson with its exercise and solution."""
    root = tmp_path / "course"
    for folder in ("docs/images", "benchmarks", *build_site.KINDS):
        (root / folder).mkdir(parents=True)
    for name in build_site.FILES:
        (root / name).write_text("all rights given")
    for name in build_site.PAGES:
        (root / name).write_text(f"# Page {name}\n\nNothing here.\n")
    (root / "pyproject.toml").write_text('[tool.course]\nrepository = ""\n')
    (root / "docs" / "glossary.md").write_text(
        "# Glossary\n\n| term | lesson |\n|---|---|\n| ELBO | [01](../notebooks/01_a.ipynb) |\n"
    )
    (root / "README.md").write_text(
        "# The course\n\n[lesson](notebooks/01_a.ipynb), [terms](docs/glossary.md), [rights](LICENSE), "
        "[code](course_lib/gan.py), [more](#more)\n\n## More\n"
    )
    badge = "[![Open in Colab](https://colab.research.google.com/b.svg)](https://colab.research.google.com/) Upload it."
    bootstrap = CODE | {"source": "import course", "metadata": {"tags": ["bootstrap"]}}
    image = '<img alt="A grey square." src="data:image/png;base64,AAAA">'
    output = {"output_type": "execute_result", "execution_count": 1, "metadata": {},
              "data": {"text/html": image, "text/plain": "figure"}}  # fmt: skip
    text = r"Words about zebras: $\mathbb{E}[x]$. [Terms](../docs/glossary.md)"
    lesson = notebook(markdown(f"# 01 · A\n\n{badge}\n\nText"), bootstrap, markdown(text), CODE | {"outputs": [output]})
    for kind in build_site.KINDS:
        title = "# 01 · A" if kind == "notebooks" else "# Exercises 01 · A"
        cells = [markdown(f"{title}\n\n{badge}\n\nText"), *lesson["cells"][1:]]
        (root / kind / "01_a.ipynb").write_text(json.dumps(notebook(*cells)))
    return root


def test_a_notebook_becomes_a_page_without_requests_and_with_a_download(course):
    source = json.loads((course / "solutions" / "01_a.ipynb").read_text())
    page = build_site.page_of(source, "solutions", "01_a.ipynb")
    first = page["cells"][0]["source"]
    assert first.startswith("# Solutions 01 · A\n") and "colab" not in first
    assert '<a href="../downloads/solutions/01_a.ipynb" download>' in first
    assert not [cell for cell in page["cells"] if "bootstrap" in cell["metadata"].get("tags", [])]


def test_links_in_stored_outputs_lead_to_pages_too(course, tmp_path):
    path = course / "notebooks" / "01_a.ipynb"
    lesson = json.loads(path.read_text())
    links = '<a href="01_a.ipynb#Heads">a</a> <a href="99_gone.ipynb">b</a> <a href="https://x/y.ipynb">c</a>'
    lesson["cells"][-1]["outputs"][0]["data"]["text/html"] = [links]
    path.write_text(json.dumps(lesson))
    build_site.stage(course, tmp_path / "source")
    staged = json.loads((tmp_path / "source" / "notebooks" / "01_a.ipynb").read_text())
    assert staged["cells"][-1]["outputs"][0]["data"]["text/html"] == links.replace("01_a.ipynb#Heads", "01_a.html")


def test_a_published_course_keeps_its_link_to_colab():
    link = "https://colab.research.google.com/github/me/course/blob/v1/notebooks/01_a.ipynb"
    cell = markdown(f"# A\n\n[![Open in Colab](https://x/b.svg)]({link})\n")
    assert (
        f"[Open in Colab]({link})"
        in build_site.page_of(notebook(cell), "notebooks", "01_a.ipynb")["cells"][0]["source"]
    )


def test_links_lead_to_pages_files_or_the_published_source(course, tmp_path):
    build_site.stage(course, tmp_path / "source")
    index = (tmp_path / "source" / "index.md").read_text(encoding="utf-8")
    assert "[lesson](notebooks/01_a.ipynb)" in index and "[terms](docs/glossary.md)" in index
    assert '<a href="LICENSE">rights</a>' in index and "[more](#more)" in index
    assert ", code, " in index  # no link while the course has no address
    (course / "pyproject.toml").write_text('[tool.course]\nrepository = "https://example.org/course"\n')
    build_site.stage(course, tmp_path / "again")
    index = (tmp_path / "again" / "index.md").read_text(encoding="utf-8")
    assert "[code](https://example.org/course/blob/HEAD/course_lib/gan.py)" in index


def test_links_to_lessons_that_are_left_out_are_no_links(course, tmp_path):
    build_site.stage(course, tmp_path / "source", names=[])
    assert "\nlesson, [terms]" in (tmp_path / "source" / "index.md").read_text(encoding="utf-8")


def test_the_checker_finds_what_is_broken(tmp_path):
    (tmp_path / "sub").mkdir()
    (tmp_path / "a.html").write_text(
        '<a href="sub/b.html#here">b</a> <a href="sub/b.html#gone">b</a> <a href="none.html">c</a> <a href="#top">t</a>'
        '<a href="https://example.org">out</a> <img src="data:image/png;base64,AA" alt=""> <img src="x.png" alt="x">'
        '<img alt="y" src="https://example.org/y.png"><script src="//example.org/z.js"></script>'
        '<link rel="stylesheet" href="style.css"><link rel="canonical" href="https://example.org"><img src="style.css">'
    )
    (tmp_path / "sub" / "b.html").write_text('<h1 id="here">b</h1> <a href="../a.html">a</a> <a href="../sub">s</a>')
    (tmp_path / "style.css").write_text(
        "@import '//example.org/f.css'; a { background: url(data:x) } b { src: url(x) }"
    )
    assert build_site.check(tmp_path) == [
        "a.html: a picture without alt text",
        "a.html: sub/b.html#gone leads to no place on that page",
        "a.html: none.html leads nowhere",
        "a.html: #top leads to no place on that page",
        "a.html: x.png leads nowhere",
        "a.html: loads https://example.org/y.png from the network",
        "a.html: loads //example.org/z.js from the network",
        "sub/b.html: ../sub leads nowhere",
        "style.css: loads //example.org/f.css from the network",
    ]


def test_another_mathjax_is_refused_and_a_missing_npm_explained(tmp_path, monkeypatch):
    (tmp_path / "other.js").write_text("alert(1)")
    with pytest.raises(build_site.SiteError, match="is not tex-svg-full.js of MathJax"):
        build_site.mathjax(tmp_path / "other.js")
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(build_site.SiteError, match="Install Node.js, or give its tex-svg-full.js by --mathjax"):
        build_site.mathjax(folder=tmp_path)


def test_without_sphinx_the_remedy_is_named(course, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "sphinx.cmd.build", None)
    with pytest.raises(build_site.SiteError, match="requirements-site.txt"):
        build_site.build(course, tmp_path / "site", tmp_path / "mathjax.js")


def test_the_site_is_whole_and_needs_nothing_from_outside(course, tmp_path):
    pytest.importorskip("sphinx", reason="requirements-site.txt is not installed")
    pytest.importorskip("myst_nb", reason="requirements-site.txt is not installed")
    (tmp_path / "mathjax.js").write_text("// a stand-in")
    site = tmp_path / "site"
    (site / "old").mkdir(parents=True)
    build_site.build(course, site, tmp_path / "mathjax.js")
    assert build_site.check(site) == [] and not (site / "old").exists()
    page = (site / "notebooks" / "01_a.html").read_text(encoding="utf-8")
    assert 'alt="A grey square."' in page and r"\(\mathbb{E}[x]\)" in page and "import course" not in page
    assert f"_static/{build_site.MATHJAX_FILE}" in page and "theme-toggle" in page
    assert "zebra" in (site / "searchindex.js").read_text(encoding="utf-8")
    assert json.loads((site / "downloads/notebooks/01_a.ipynb").read_text())["cells"][1]["source"] == "import course"
    for name in build_site.FILES:
        assert (site / name).exists()
