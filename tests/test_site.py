"""The site without Quarto: nbdev's half of the work is done in a clean copy, and each page that Quarto would be given
is read. Links lead somewhere, pictures are there, nothing failed, every page is in the sidebar and every public name on
its page. What Quarto makes of them is written here in its form, for the stylesheet and for tools/site_check.py."""
import ast, importlib, json, os, re, shutil, subprocess, sys
from html import unescape
from pathlib import Path

import pytest, yaml
from nbdev.config import get_config
from PIL import Image

from conftest import TOP
from dl_ops_bench._docs import parameters, result_folders
from dl_ops_bench.answers import findings
from dl_ops_bench.compare import settings
from dl_ops_bench.report import SECTIONS
from dl_ops_bench.store import read_records
from test_package import modules, public

sys.path.insert(0, str(TOP/'tools'))
from site_check import browser, faults, hrefs, made, panels, problems, too_wide

cfg = get_config(path=TOP)
SITE, REPO = cfg.doc_host + cfg.doc_baseurl, f'{cfg.user}/{cfg.repo}'
notebooks = sorted(p for p in (TOP/'nbs').rglob('*.ipynb') if '.ipynb_checkpoints' not in p.parts)
text = lambda s: ''.join(s) if isinstance(s, list) else s or ''


class Page:
    "What Quarto would make one HTML file of."
    def __init__(self, path, top):
        self.path, self.name = path, str(path.relative_to(top))
        raw = path.read_text(encoding='utf-8')
        self.cells = json.loads(raw)['cells'] if path.suffix == '.ipynb' else []
        front = text(self.cells[0]['source']) if self.cells else raw
        self.front = yaml.safe_load(m[1]) if (m := re.match(r'---\n(.*?)\n---', front.strip(), re.S)) else {}
        self.html = str(Path(self.name).with_name(self.front.get('output-file', path.stem + '.html')))
        self.outputs = [o for c in self.cells for o in c.get('outputs', [])]
        data = [o['data'] for o in self.outputs if 'data' in o]
        shown = [text(d.get(kind)) for d in data for kind in ('text/markdown', 'text/html')]
        prose = [text(c['source']) for c in self.cells if c['cell_type'] == 'markdown'] if self.cells else [raw]
        self.prose = '\n\n'.join(prose)
        self.docs, self.text = '\n\n'.join(shown), '\n\n'.join([self.prose, *shown])
        self.code = '\n'.join(text(c['source']) for c in self.cells if c['cell_type'] == 'code')

    def links(self):
        "Every address on the page, code left out."
        prose = re.sub(r'```.*?```|`[^`\n]*`', '', self.text, flags=re.S)
        tags = re.findall(r'<(?:a|img)\b[^>]*?\b(?:href|src)="([^"]+)"', self.text)
        return set(re.findall(r'\]\(<?([^)\s>]+)', prose) + tags)

    def anchors(self):
        "What may stand after a #: ids, and headings as pandoc names them where they don't name themselves."
        def slug(heading):
            plain = re.sub(r'[^\w\-. ]', '', heading.lower()).strip()
            return re.sub(r'^[^a-z]+', '', plain.replace(' ', '-'))
        headings = re.findall(r'^#{1,6} +(.+?)(?: *\{(?:#([\w-]+))?.*\})?$', self.text, re.M)
        return {named or slug(h) for h, named in headings} | set(re.findall(r'\bid="([^"]+)"', self.text))


@pytest.fixture(scope='module')
def proc(tmp_path_factory):
    "The folder that Quarto would render."
    top = tmp_path_factory.mktemp('site')/'copy'
    for folder in ('nbs', 'dl_ops_bench', 'results'):
        shutil.copytree(TOP/folder, top/folder, symlinks=True,
                        ignore=shutil.ignore_patterns('.*', '__pycache__', 'dl-ops-results'))
    for file in ('settings.ini', '_quarto.yml', 'README.md'): shutil.copy(TOP/file, top)
    code = 'from nbdev.serve import proc_nbs; proc_nbs(n_workers=2)'
    r = subprocess.run([sys.executable, '-W', 'ignore', '-c', code], cwd=top, capture_output=True, text=True,
                       env={**os.environ, 'PYTHONPATH': str(top)})
    assert r.returncode == 0, r.stderr[-3000:]
    return top/'_proc'


@pytest.fixture(scope='module')
def pages(proc): return [Page(p, proc) for p in sorted(proc.rglob('*')) if p.suffix in ('.ipynb', '.qmd')]


@pytest.fixture(scope='module')
def quarto(proc): return yaml.safe_load((proc/'_quarto.yml').read_text())


@pytest.mark.parametrize('path', notebooks, ids=lambda p: p.stem)
def test_imports_stand_in_cells_of_their_own(path):
    "Because nbdev runs every cell with an import to make the page, and its other code would lack what came before."
    for c in json.loads(path.read_text(encoding='utf-8'))['cells']:
        code = text(c['source'])
        if c['cell_type'] != 'code' or re.search(r'^%%|^#\|\s*(export|eval:\s*false)', code, re.M): continue
        tree = ast.parse(re.sub(r'^\s*[!%].*', '', code, flags=re.M))
        kinds = {isinstance(n, (ast.Import, ast.ImportFrom)) for n in tree.body}
        inside = any(isinstance(n, (ast.Import, ast.ImportFrom)) for n in ast.walk(tree))
        assert not inside or kinds == {True}, f'cell {c["id"]} of {path.name}: imports and other code\n{code}'


def test_every_source_became_a_page(proc, pages):
    sources = {str(p.relative_to(TOP/'nbs')) for p in [*notebooks, *(TOP/'nbs').rglob('*.qmd')]}
    assert {p.name for p in pages} == sources


def test_no_two_pages_in_one_file(pages):
    names = [p.html for p in pages]
    assert not {n for n in names if names.count(n) > 1}
    assert {'index.html', 'results.html', 'report.html', '404.html'} <= set(names)


def test_sidebar_names_every_page_and_no_other(pages, quarto):
    named, there = hrefs(quarto['website']['sidebar']['contents']), {p.name for p in pages} - {'404.qmd'}
    assert len(named) == len(set(named))
    assert not set(named) - there, f'in the sidebar of _quarto.yml, but not there: {sorted(set(named) - there)}'
    assert not there - set(named), f'not in the sidebar of _quarto.yml: {sorted(there - set(named))}'


def test_component_pages_stand_in_order(quarto):
    numbers = [h for h in hrefs(quarto['website']['sidebar']['contents']) if re.match(r'\d\d_', h)]
    assert numbers == sorted(numbers) and len(numbers) == len(modules)


def test_every_page_has_a_title_and_a_description(pages):
    lacking = [f'{p.name}: {k}' for p in pages for k in ('title', 'description') if not p.front.get(k)]
    assert not lacking, lacking


def test_nothing_failed(pages):
    failed = [f'{p.name}: {text(o.get("traceback") or o.get("text"))[-300:]}' for p in pages for o in p.outputs
              if o['output_type'] == 'error' or 'Traceback (most recent call last)' in text(o.get('text'))]
    assert not failed, failed


def dead(page, link, pages, proc):
    "Why `link` on `page` leads nowhere, or None."
    link, _, anchor = link.partition('#')
    if m := re.match(rf'https://(?:github\.com/{REPO}/(?:blob|tree|raw|edit)/{cfg.branch}|'
                     rf'raw\.githubusercontent\.com/{REPO}/{cfg.branch}|'
                     rf'colab\.research\.google\.com/github/{REPO}/blob/{cfg.branch})/(.+)', link):
        return None if (TOP/m[1]).exists() else 'no such file in the repository'
    if link.startswith(SITE): where = link[len(SITE):].strip('/') or 'index.html'
    elif re.match(r'[a-z+]+:', link): return None          # another site's
    else: where = os.path.normpath(os.path.join(os.path.dirname(page.name), link)) if link else page.html
    found = [p for p in pages if where in (p.name, p.html)]
    if not found: return None if (proc/where).is_file() else 'no such page or picture'
    if anchor and anchor not in found[0].anchors(): return f'no #{anchor} on {found[0].html}'


def test_links_lead_somewhere(pages, proc):
    links = [(p, link) for p in pages for link in sorted(p.links())]
    broken = [f'{p.name}: {link} ({why})' for p, link in links if (why := dead(p, link, pages, proc))]
    assert not broken, '\n'.join(broken)


def test_a_dead_link_would_be_found(pages, proc):
    index = next(p for p in pages if p.name == 'index.ipynb')
    for link in ('nowhere.ipynb', 'nowhere.png', f'{SITE}/nowhere.html', f'{SITE}/data.html#nowhere',
                 f'https://github.com/{REPO}/blob/main/nowhere'):
        assert dead(index, link, pages, proc), link
    for link in ('10_trial.ipynb', f'{SITE}/data.html#load', f'{SITE}/data.html', 'https://example.org'):
        assert not dead(index, link, pages, proc), link


def test_pictures_are_there_and_can_be_told(pages):
    untold = []
    for p in pages:
        shown = re.sub(r'```.*?```|`[^`\n]*`', '', p.text, flags=re.S)
        assert not re.findall(r'<img\b(?![^>]*\balt=)[^>]*>|!\[\]\(', shown), f'{p.name}: a picture without alt'
        assert '[![' not in shown, f'{p.name}: a badge of which pandoc makes a figure without alt'
        for c in p.cells:
            pngs = [text(o['data']['image/png']) for o in c.get('outputs', []) if 'image/png' in o.get('data', {})]
            assert not [png for png in pngs if len(png) < 500], f'{p.name}: an empty picture'
            if pngs and not re.search(r'^#\| fig-alt: "[^"]{15,}"$', text(c['source']), re.M):
                untold.append(f'{p.name}, cell {c["id"]}')
    assert not untold, f'without a line `#| fig-alt: "what it shows"`: {untold}'


@pytest.mark.parametrize('module', modules)
def test_public_names_stand_on_their_page(module, pages):
    page = next(p for p in pages if p.html == f'{module}.html')
    m, functions = importlib.import_module(f'dl_ops_bench.{module}'), public(module)
    lacking = [n for n in functions if not re.search(rf'^### {n}$', page.docs, re.M)]
    lacking += [n for n in m.__all__ if n not in functions and not re.search(rf'\b{n}\b', page.text + page.code)]
    assert not lacking, f'{page.name}: nothing is said of {", ".join(lacking)}'


@pytest.mark.parametrize('module', modules)
def test_parameters_have_tables(module, pages):
    page = next(p for p in pages if p.html == f'{module}.html')
    shown = {o.split('\n', 1)[0]: o for o in re.split(r'^### ', page.docs, flags=re.M)}
    lacking = [n for n, obj in public(module).items() if parameters(obj) and '**Details**' not in shown.get(n, '')]
    assert not lacking, f'{page.name}: no table of parameters for {", ".join(lacking)}'


@pytest.mark.parametrize('module', modules)
def test_own_names_lead_to_their_own_page(module, pages, proc):
    "Some names, such as `verify`, are in two modules."
    page = next(p for p in pages if p.html == f'{module}.html')
    own, file = public(module), f'dl_ops_bench/{module}.py'
    links = re.findall(r'\[`(\w+)`\]\((\S+?)\)', page.text)
    wrong = [f'`{n}` links to {a}' for n, a in links if n in own and f'/{module}.html#' not in a]
    sources = re.findall(r'\[source\]\((\S+?)\).*?\n\n### (\w+)\n', page.docs)
    wrong += [f'source of {n} is {a}' for a, n in sources if n in own and f'{file}#L' not in a]
    module_lines = (proc.parent/file).read_text(encoding='utf-8').splitlines()
    for address, name in sources:
        line = re.search(r'#L(\d+)$', address)
        at = ''.join(module_lines[int(line[1])-1:][:1]) if line else 'no line'
        if not re.match(rf'(?:def |class )?{name}\b', at): wrong.append(f'source of {name} is {address}: {at}')
    assert not wrong, wrong


def test_signatures_say_how_and_tables_what(pages):
    "Neither says the other's part again; none holds Markdown, an address of memory or the words of an object."
    for p in pages:
        for shown in re.findall(r'^### [^\n]+\n\n```python\n(.*?)\n```', p.docs, re.M | re.S):
            assert not re.search(r'#|\]\(|=<| at 0x|^(?:def|class) ', shown), f'{p.name}: {shown}'
        rows = re.findall(r'^\| .*$', p.docs, re.M)
        assert not [row for row in rows if re.search(r'dl_ops_bench\.\w|NoneType|<\w+>| at 0x', row)], p.name


def test_words_lead_only_where_the_page_means_them(pages):
    "`plain` is a recipe's name, and `status` a command, on the pages that a link to another thing stood on."
    for name, word in (('10_trial.ipynb', 'plain'), ('40_cli.ipynb', 'status'), ('17_svm.ipynb', 'random_state'),
                       ('04_stats.ipynb', 'values')):
        page = next(p for p in pages if p.name == name)
        assert f'`{word}`' in page.text and f'[`{word}`]' not in page.text


def test_numbers_stay_with_their_units(pages):
    for p in pages:
        parted = faults('<p>' + re.sub(r'```.*?```|`[^`\n]*`', '', p.text, flags=re.S) + '</p>')
        assert not (found := [f for f in parted if 'line may end' in f or 'without a space' in f]), f'{p.name}: {found}'


def test_home_begins_with_what_it_is(pages):
    "A sentence, a figure, the commands, three ways in; then the README's list of notebooks, and no second title."
    home = next(p for p in pages if p.html == 'index.html')
    readme = (TOP/'README.md').read_text(encoding='utf-8')
    assert home.front['description'] == cfg.description and not re.search(r'^# ', home.prose, re.M)
    shown = [c for c in home.cells[1:] if not text(c['source']).startswith('<!--')]
    assert text(shown[0]['source']).startswith('#| echo: false')
    assert panels(''.join(text(o['data']['text/html']) for o in shown[0]['outputs'])) >= 1
    commands = re.findall(r'^```bash\n.*?\n```$', home.prose, re.M | re.S)
    assert len(commands) == 2 and all(c in readme for c in commands)
    assert commands[1] in readme[readme.index('<!-- ci: quick -->'):][:400]
    after = home.prose[home.prose.index(commands[1]):]
    assert re.findall(r'^\*\*(\w+)\*\*$', after, re.M) == ['Learn', 'Run', 'Teach']
    assert after.index('**Teach**') < after.index('## The notebooks') < after.index('| notebook |')


def test_tables_of_the_report_stay_as_they_are(pages):
    "Where Quarto builds them anew, a caption is as narrow as a column."
    for p in pages:
        captioned = re.findall(r'<table\b[^>]*>(?=\s*<caption)', p.docs)
        assert all('data-quarto-disable-processing="true"' in table for table in captioned), p.name


def test_nothing_of_the_error_stream_is_on_a_page(pages):
    assert not [p.name for p in pages for o in p.outputs if o.get('name') == 'stderr']


@pytest.fixture(scope='module')
def results(pages): return next(p for p in pages if p.html == 'results.html')


def test_report_page_shows_the_records_of_results(results):
    shown, folders = unescape(results.docs).replace('\u00a0', ' '), result_folders(TOP)
    for folder in folders: assert folder.name in shown
    for answer in findings(settings(read_records(*folders))): assert answer.says in shown
    assert panels(results.docs) >= 5 and shown.count('<table') >= 7 and 'could not be made' not in shown


def test_report_page_is_the_report(results):
    "The same parts in the same order under headings of their own; the style once, and no code."
    headings = re.findall(r'^## (.+) \{#(.+)\}$', results.prose, re.M)
    assert [(id, title) for title, id in headings] == [(id, title) for id, title, _ in SECTIONS]
    docs = results.docs
    assert 'say nothing of it' not in docs and docs.count('<style>') == 1 and docs.count('.study .answers{') == 1
    assert results.front['html-table-processing'] == 'none'         # else captions lose their ids
    shown = [text(c['source']) for c in results.cells if c['cell_type'] == 'code']
    assert shown and all(source.startswith('#| echo: false') for source in shown)
    ids = re.findall(r'\bid="([^"]+)"', results.docs)
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize('path', notebooks, ids=lambda p: p.stem)
def test_badge_opens_this_notebook(path):
    if path.name == 'index.ipynb': return
    colab = 'https://colab.research.google.com'
    here = f'{colab}/github/{REPO}/blob/{cfg.branch}/{path.relative_to(TOP)}'
    badge = f'[![Open In Colab]({colab}/assets/colab-badge.svg)]({here})'
    assert badge in [text(c['source']) for c in json.loads(path.read_text(encoding='utf-8'))['cells']]


def test_site_is_complete(quarto, proc):
    site = quarto['website']
    assert site['search'] and 'edit' in site['repo-actions'] and site['page-navigation']
    html = quarto['format']['html']
    assert html['code-overflow'] == 'wrap' and (proc/html['css']).is_file() and (proc/site['favicon']).is_file()
    assert (site['repo-url'], site['site-url']) == (cfg.git_url, SITE)
    assert set(quarto['format']['html']['theme']) == {'light', 'dark'}
    for card in (site['open-graph'], site['twitter-card']):
        assert Image.open(proc/card['image']).size == (1200, 630) and card['image-alt']
    assert site['description'] == cfg.description
    for picture in (TOP/'nbs/images').glob('*.png'): assert picture.stat().st_size < 100_000


HEAD = """<!DOCTYPE html>
<html xmlns="http://www.w3.org/1999/xhtml" lang="en" xml:lang="en"><head>
<meta name="viewport" content="width=device-width, initial-scale=1.0, user-scalable=yes">
<meta property="og:image" content="card.png">
<link href="{top}images/favicon.svg" rel="icon" type="image/svg+xml">
<link rel="stylesheet" href="{top}site.css">
<style>
pre {{overflow: auto; display: block}}
pre > code.sourceCode {{white-space: pre-wrap; position: relative}}
code {{color: #7d12ba; background-color: #f8f9fa}}
a > code {{color: inherit}}
p code:not(.sourceCode), li code:not(.sourceCode), td code:not(.sourceCode) {{background-color: #f8f9fa}}
body.quarto-light {{background: #fff; color: #373a3c}}
body.quarto-light a {{color: #2761e3}}
body.quarto-dark {{background: #222; color: #fff}}
body.quarto-dark a {{color: #00bc8c}}
</style>
</head><body class="nav-sidebar floating nav-fixed quarto-light">
<main class="content" id="quarto-document-content">
<header id="title-block-header"><h1 class="title">A page</h1></header>
"""
FOOT = """</main>
<nav class="page-navigation"><div class="nav-page nav-page-next"><a href="{top}index.html">next</a></div></nav>
</body></html>
"""
WIDE = """<p>Some <code>inline_code</code>, some that is <a href="https://example.org"><code>linked</code></a>, a badge
<a href="https://example.org"><img src="data:," alt="Open In Colab"></a>
and a long name: /home/somebody/results/epyc-2c-e235af12/0123456789abcdef0123456789abcdef0123456789abcdef.json</p>
<p><a href="https://github.com/a/b/blob/main/b/timer.py#L16" target="_blank" style="float:right">source</a></p>
<div class="sourceCode" id="cb1"><pre class="sourceCode python code-with-copy"><code class="sourceCode python"
><span id="cb1-1"><a href="#cb1-1"></a>resnet18=Entry('ResNet-18', make='torchvision.models:resnet18') # as built</span>
<span id="cb1-2"><a href="#cb1-2"></a>x = 'a_word_that_is_longer_than_a_telephone_is_wide_and_has_no_space_in_it'</span>
</code></pre></div>
<div class="cell"><div class="cell-output cell-output-display"><pre><code>Entry(words='SGD', {table})</code></pre></div>
<div class="cell-output cell-output-stdout"><pre><code>{table}</code></pre></div>
<div class="cell-output cell-output-display"><table class="dataframe table table-sm"><tr>{cells}</tr></table></div>
<div class="cell-output cell-output-display"><div><figure class="figure"><p><img alt="curves" class="figure-img"
width="1650" height="300" src="data:image/svg+xml,{svg}"></p></figure></div></div></div>
<table class="caption-top table"><colgroup><col style="width: 90%"><col style="width: 10%"></colgroup>
<tbody><tr>{cells}</tr></tbody></table>
"""
SVG = "%3Csvg xmlns='http://www.w3.org/2000/svg' width='1650' height='300'/%3E"


def as_quarto(body='', top=''):
    "A page in the form that Quarto gives it; addresses on 404.html begin with the path of the site."
    return HEAD.format(top=top) + body + FOOT.format(top=top)


@pytest.fixture
def built(proc, pages, tmp_path):
    "A site as Quarto builds it, complete but for what its pages say."
    docs, figures = tmp_path/'docs', '<svg class="plot">'*panels(made(proc/'report.ipynb'))
    others = ('search.json', 'sitemap.xml', 'images/card.png', 'images/favicon.svg', 'site.css')
    for f in [*(p.html for p in pages), *others]:
        (docs/f).parent.mkdir(parents=True, exist_ok=True)
        top = f'/{cfg.repo}/' if f == '404.html' else '../'*f.count('/')
        (docs/f).write_text(as_quarto(figures if f == 'results.html' else '', top))
    return docs


def test_a_complete_site_is_accepted(proc, built):
    named = hrefs(yaml.safe_load((proc/'_quarto.yml').read_text())['website']['sidebar']['contents'])
    unbuilt = [h for h in named if not (proc/h).is_file()]
    assert [x.partition(':')[0] for x in problems(proc, built)] == unbuilt
    assert f'href="/{cfg.repo}/site.css"' in (built/'404.html').read_text()


def test_a_missing_page_or_figure_would_be_found(proc, built):
    "The check that runs on what Quarto built, held against a site that is complete and then isn't."
    results = built/'results.html'
    fewer = results.read_text().replace('<svg class="plot">', '<img src="gone.png">', 1)
    code = '<div class="sourceCode cell-code"><pre class="sourceCode python"><code>1 + 1</code></pre></div>'
    results.write_text(f'{fewer}<a href="/{cfg.repo}/gone.html">x</a>{code}')
    (built/'data.html').unlink()
    (built/'404.html').write_text(as_quarto('<a href="/elsewhere/index.html">x</a>', f'/{cfg.repo}/'))
    found = '\n'.join(problems(proc, built))
    for wrong in ('data.html: not built', 'results.html: gone.png is not there',
                  f'results.html: /{cfg.repo}/gone.html is not there', 'panels of figures', 'results.html: shows code',
                  '404.html: /elsewhere/index.html is not there'):
        assert wrong in found
    results.unlink()
    assert 'results.html: not built' in '\n'.join(problems(proc, built))


@pytest.mark.parametrize('html, wrong', [
    ('<td class="ours"><b>91.54</b><small>91.06 to 91.99</small></td>', 'numbers without a space'),
    ('<td>0.001</td><td>91.55</td>', 'numbers without a space'),
    ('<a href="https://github.com/a/b/blob/main/b/timer.py#LNone" target="_blank">source</a>', 'without a line'),
    ('<pre><code>device: <span>#</span> an [`InputError`](https://example.org/errors.html)</code></pre>', 'Markdown'),
    ('<pre><code>f(clock=&lt;function timer at 0x7f1c2a&gt;)</code></pre>', 'address of memory'),
    ('<h1>dl_ops_bench</h1>', '2 titles'),
    ('<table class="cards caption-top table table-sm"><caption>x</caption></table>', 'built anew'),
    ('<figure><p><a href="x"><img src="badge.svg" class="img-fluid figure-img"></a></p></figure>', 'alternative text'),
    ('<td>10.00 %</td>', 'line may end')])
def test_a_fault_of_a_page_would_be_found(html, wrong):
    assert [wrong in fault for fault in faults(as_quarto(html))] == [True]
    bare = re.sub('<link[^>]*>', '', as_quarto())
    assert list(faults(bare)) == ['no icon for the tab', 'without site.css'] and not list(faults(as_quarto()))


@pytest.fixture(scope='module')
def window():
    "A browser."
    driver = browser()
    if driver is None: pytest.skip('browser: chromium and chromedriver are not installed')
    yield driver
    driver.quit()


def wide_page(folder):
    "A page with everything on it that is wider than a telephone."
    cells = ''.join(f'<td>column_{i}</td> ' for i in range(24))
    body = WIDE.format(cells=cells, table=' '.join(f'column_{i}' for i in range(24)), svg=SVG)
    (folder/'page.html').write_text(as_quarto(body))
    return folder/'page.html'


def test_pages_fit_a_laptop_and_a_telephone(window, tmp_path):
    page = wide_page(tmp_path)
    cut = '\n'.join(too_wide(window, page))
    assert all(what in cut for what in ('scrolls sideways', 'img is cut', 'pre is cut'))
    shutil.copy(TOP/'nbs/site.css', tmp_path)
    assert list(too_wide(window, page)) == [] and not list(faults(page.read_text()))


def test_inline_code_can_be_read_light_and_dark(window, tmp_path):
    "By the contrast of its colour with what lies under it, which WCAG asks to be 4.5."
    page = wide_page(tmp_path)
    def contrast(mode, of):
        window.get(page.as_uri())
        return window.execute_script(CONTRAST, f'quarto-{mode}', of)
    assert contrast('dark', 'p a > code') < 3
    shutil.copy(TOP/'nbs/site.css', tmp_path)
    for mode in ('light', 'dark'):
        for of in ('p > code', 'p a > code'): assert contrast(mode, of) > 4.5, f'{of}, {mode}'


CONTRAST = """document.body.className = arguments[0];
const pixel = document.createElement('canvas').getContext('2d');
const code = getComputedStyle(document.querySelector(arguments[1]));
const ground = getComputedStyle(document.body).backgroundColor;
function light(...colors) {
  pixel.fillStyle = '#fff';
  for (const c of ['#fff', ...colors]) { pixel.fillStyle = c; pixel.fillRect(0, 0, 1, 1); }
  const [r, g, b] = [...pixel.getImageData(0, 0, 1, 1).data].map(v => v/255).map(
    v => v <= 0.03928 ? v/12.92 : ((v + 0.055)/1.055)**2.4);
  return 0.2126*r + 0.7152*g + 0.0722*b;
}
const a = light(ground, code.backgroundColor), b = light(ground, code.backgroundColor, code.color);
return (Math.max(a, b) + 0.05)/(Math.min(a, b) + 0.05);"""


workflows = sorted((TOP/'.github/workflows').glob('*.yml'))


tool = Path(sys.executable).parent/'check-jsonschema'


@pytest.mark.skipif(not tool.exists(), reason='workflows: check-jsonschema is not installed')
def test_workflows_have_the_right_form():
    r = subprocess.run([tool, '--builtin-schema', 'vendor.github-workflows', *workflows], capture_output=True,
                       text=True)
    assert r.returncode == 0, r.stdout + r.stderr


@pytest.mark.parametrize('path', workflows, ids=lambda p: p.stem)
def test_workflows_are_pinned_and_may_do_little(path):
    flow = yaml.safe_load(path.read_text())
    assert flow['permissions'] == {'contents': 'read'}
    for job in flow['jobs'].values():
        may = job.get('permissions', {})
        assert set(may.values()) <= {'read', 'write'} and may.get('contents', 'read') == 'read'
        assert 'timeout-minutes' in job, 'a job without a limit of its time'
        for step in job['steps']:
            if 'uses' in step: assert re.fullmatch(r'[\w./-]+@[0-9a-f]{40}', step['uses']), step['uses']
            outside = re.search(r'\$\{\{\s*github\.(event|head_ref|ref_name)', step.get('run', ''))
            assert not outside, 'text from outside in a script'


def test_workflow_tests_every_python_we_name():
    jobs = yaml.safe_load((TOP/'.github/workflows/test.yml').read_text())['jobs']
    pythons = jobs['test']['strategy']['matrix']['python']
    assert pythons[0] == cfg.min_python and pythons == [f'3.{n}' for n in range(int(cfg.min_python[2:]), 15)]
