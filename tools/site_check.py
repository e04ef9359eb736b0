"""Check the site that `nbdev_docs` built: every page of the sidebar is there, the report with all its figures, search,
404 and card, and no link or picture of a page is missing. Prints what is wrong and exits with 1; tests/test_site.py
checks what Quarto is given."""
import json, re, sys
from pathlib import Path
from urllib.parse import urlsplit

import yaml

TOP = Path(__file__).resolve().parent.parent


def hrefs(part):
    "Every page that a part of the sidebar names."
    if isinstance(part, str): return [part]
    if isinstance(part, list): return [h for p in part for h in hrefs(p)]
    return hrefs(part.get('href', [])) + hrefs(part.get('contents', []))


def output_file(source):
    "The HTML file that Quarto makes of a processed page, relative to the site."
    text = source.read_text(encoding='utf-8')
    front = ''.join(json.loads(text)['cells'][0]['source']) if source.suffix == '.ipynb' else text
    named = re.search(r'^output-file: (\S+)$', front, re.M)
    return named[1] if named else source.stem + '.html'


def panels(html):
    "How many panels of figures there are."
    return html.count('<svg class="plot"')


def made(page):
    "The HTML of all outputs of a processed notebook."
    cells = json.loads(page.read_text(encoding='utf-8'))['cells']
    return '\n'.join(''.join(o.get('data', {}).get('text/html', '')) for c in cells for o in c.get('outputs', []))


def problems(proc, # folder that Quarto was given
             docs, # folder that it made
            ):
    "What is missing from the site, a line each."
    site = yaml.safe_load((proc/'_quarto.yml').read_text())['website']
    pages, top = hrefs(site['sidebar']['contents']), urlsplit(site['site-url']).path
    files = [str(Path(h).with_name(output_file(proc/h))) for h in pages if (proc/h).is_file()]
    yield from (f'{h}: in the sidebar, but there is no such page' for h in pages if not (proc/h).is_file())
    for f in [*files, 'index.html', '404.html', 'results.html', 'search.json', 'sitemap.xml', 'images/card.png']:
        if not (docs/f).is_file() or not (docs/f).stat().st_size: yield f'{f}: not built'
    for page in sorted(docs.rglob('*.html')):
        html = page.read_text(encoding='utf-8')
        for link in sorted(set(re.findall(r'<(?:a|img|link|script)\b[^>]*?\b(?:href|src)="([^"#?]+)', html))):
            if re.match(r'[a-z]+:|//', link): continue
            where = docs/link.removeprefix(top).lstrip('/') if link.startswith('/') else page.parent/link
            if not where.exists(): yield f'{page.relative_to(docs)}: {link} is not there'
    if not (docs/'results.html').is_file() or not (docs/'index.html').is_file(): return
    shown, drawn = panels((docs/'results.html').read_text(encoding='utf-8')), panels(made(proc/'report.ipynb'))
    if not drawn or shown < drawn: yield f'results.html: {shown} panels of figures, {drawn} were drawn'
    if 'og:image' not in (docs/'index.html').read_text(encoding='utf-8'): yield 'index.html: no card for shared links'


if __name__ == '__main__':
    found = list(problems(TOP/'_proc', TOP/'_docs'))
    print('\n'.join(found) or 'the site is complete')
    sys.exit(bool(found))
