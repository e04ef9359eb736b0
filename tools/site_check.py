"""Check the site that `nbdev_docs` built: every page of the sidebar is there, the report with all its figures, search,
404 and card; no link or picture is missing; nothing on a page that a reader would stumble over; and, where Chromium or
Chrome and its driver are installed, no page that is wider than a screen. Prints what is wrong and exits with 1.
tests/test_site.py checks what Quarto is given, and this file on pages in Quarto's form."""
import json, re, shutil, sys
from html import unescape
from pathlib import Path
from urllib.parse import urlsplit

import yaml

TOP = Path(__file__).resolve().parent.parent
WIDTHS = 1280, 390                      # pixels of a laptop and of a telephone


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


def addresses(html):
    "What the links, pictures and scripts of a page name."
    return sorted(set(re.findall(r'<(?:a|img|link|script)\b[^>]*?\b(?:href|src)="([^"#?]+)', html)))


_TAG = '(?:a|b|dd|dt|em|i|li|p|small|span|strong|td|th)'
_TOUCHING = re.compile(rf'>([^<>]*\d(?:</{_TAG}>)+(?:<{_TAG}\b[^>]*>)+\d[^<>]*)<')
_NOT_TEXT = re.compile(r'<(pre|code|script|style|svg)\b.*?</\1>', re.S)


def faults(html):
    "What a reader of one page would stumble over, a line each."
    for tag in re.findall(r'<img\b[^>]*>', html):
        if ' alt=' not in tag: yield f'a picture without alternative text: {tag[:100]}'
    for link in re.findall(r'<a\b[^>]*\bhref="([^"]*)"[^>]*>source</a>', html):
        if not re.search(r'\.py#L\d+$', link): yield f'a source link without a line: {link}'
    for code in re.findall(r'<pre\b.*?</pre>', html, re.S):
        raw = unescape(re.sub(r'<[^>]*>', '', code))
        if found := re.search(r'\S*\]\(https?:\S*| at 0x[\da-f]+', raw):
            yield f'code with Markdown or an address of memory in it: {found[0]}'
    if re.search(r'<table\b[^>]*class="cards [^"]', html): yield 'a table of the report that Quarto built anew'
    text = _NOT_TEXT.sub('<x>', html)
    for found in _TOUCHING.findall(text): yield f"numbers without a space between them: {re.sub('<.*?>', '|', found)}"
    for found in re.findall(r'>[^<>]*?(\d+ %)', text): yield f'a number that a line may end after: {found}'
    if (n := len(re.findall(r'<h1\b', html))) != 1: yield f'{n} titles'
    if 'rel="icon"' not in html: yield 'no icon for the tab'
    if 'site.css' not in html: yield 'without site.css'


def problems(proc, # folder that Quarto was given
             docs, # folder that it made
            ):
    "What is missing from the site or wrong on it, a line each."
    site = yaml.safe_load((proc/'_quarto.yml').read_text())['website']
    pages, top = hrefs(site['sidebar']['contents']), urlsplit(site['site-url']).path
    files = [str(Path(h).with_name(output_file(proc/h))) for h in pages if (proc/h).is_file()]
    yield from (f'{h}: in the sidebar, but there is no such page' for h in pages if not (proc/h).is_file())
    for f in [*files, 'index.html', '404.html', 'results.html', 'search.json', 'sitemap.xml', 'images/card.png']:
        if not (docs/f).is_file() or not (docs/f).stat().st_size: yield f'{f}: not built'
    for page in sorted(docs.rglob('*.html')):
        name, html = page.relative_to(docs), page.read_text(encoding='utf-8')
        for link in addresses(html):
            if re.match(r'[a-z]+:|//', link): continue
            where = docs/link.removeprefix(top).lstrip('/') if link.startswith('/') else page.parent/link
            if not where.exists(): yield f'{name}: {link} is not there'
        yield from (f'{name}: {fault}' for fault in faults(html))
        if str(name) in files and 'class="nav-page' not in html: yield f'{name}: no way to the next page'
    if not (docs/'results.html').is_file() or not (docs/'index.html').is_file(): return
    results = (docs/'results.html').read_text(encoding='utf-8')
    if 'cell-code' in results: yield 'results.html: shows code'
    shown, drawn = panels(results), panels(made(proc/'report.ipynb'))
    if not drawn or shown < drawn: yield f'results.html: {shown} panels of figures, {drawn} were drawn'
    if 'og:image' not in (docs/'index.html').read_text(encoding='utf-8'): yield 'index.html: no card for shared links'


def browser():
    "Chromium or Chrome without a window, or None where it or its driver is not installed."
    program = shutil.which('chromium') or shutil.which('google-chrome')
    if not program or not shutil.which('chromedriver'): return None
    from selenium import webdriver
    options = webdriver.ChromeOptions()
    options.binary_location = program
    for flag in ('headless=new', 'no-sandbox', 'disable-gpu', 'disable-dev-shm-usage', 'hide-scrollbars'):
        options.add_argument(f'--{flag}')
    return webdriver.Chrome(options=options, service=webdriver.ChromeService(shutil.which('chromedriver')))


_SEEN = '''const wide = document.documentElement.scrollWidth, out = [];
if (wide > innerWidth) out.push(`scrolls sideways, ${wide} pixels`);
for (const e of document.querySelectorAll('main img, main pre.sourceCode'))
  if (e.scrollWidth > e.clientWidth + 1 || e.getBoundingClientRect().right > innerWidth + 1)
    out.push(`${e.tagName.toLowerCase()} is cut: ${(e.alt || e.textContent).slice(0, 60)}`);
return out;'''


def too_wide(driver, # from `browser`
             page,   # path of an HTML file
            ):
    "What of a page doesn't fit a laptop or a telephone, a line each."
    for width in WIDTHS:
        screen = dict(width=width, height=900, deviceScaleFactor=1, mobile=width < 600)
        driver.execute_cdp_cmd('Emulation.setDeviceMetricsOverride', screen)
        driver.get(page.resolve().as_uri())
        yield from (f'{page.name} at {width} pixels: {what}' for what in driver.execute_script(_SEEN))


def in_browser(docs):
    "What of all pages doesn't fit; a line on the standard error where no browser is installed."
    driver = browser()
    if driver is None: return print('no browser and driver: the width of pages was not looked at', file=sys.stderr)
    try:
        for page in sorted(docs.rglob('*.html')): yield from too_wide(driver, page)
    finally: driver.quit()


if __name__ == '__main__':
    found = [*problems(TOP/'_proc', TOP/'_docs'), *in_browser(TOP/'_docs')]
    print('\n'.join(found) or 'the site is complete')
    sys.exit(bool(found))
