"The report as a reader's browser shows it: complete, quiet, inert, and narrow enough for a telephone."
import json, re, shutil
from importlib.resources import files

import pytest

from dl_ops_bench.claims import claims_table, findings, own_claims_table
from dl_ops_bench.report import PARTS, progress_table, render, setting
from dl_ops_bench.store import Store
from dl_ops_bench.tables import sample_dir

DRIVER, BROWSER = shutil.which('chromedriver'), shutil.which('chromium') or shutil.which('google-chrome')
browser_needed = pytest.mark.skipif(not (DRIVER and BROWSER), reason='browser: chromium and chromedriver are not installed')


@pytest.fixture(scope='module')
def page(tmp_path_factory): return render([sample_dir()], tmp_path_factory.mktemp('page')/'report.html')


@pytest.fixture(scope='module')
def driver():
    from selenium import webdriver
    options = webdriver.ChromeOptions()
    options.binary_location = BROWSER
    for flag in ('--headless=new', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage'): options.add_argument(flag)
    options.set_capability('goog:loggingPrefs', {'browser': 'ALL', 'performance': 'ALL'})
    d = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    yield d
    d.quit()


def requested(driver):
    "Addresses that the page asked for since the last call."
    events = [json.loads(e['message'])['message'] for e in driver.get_log('performance')]
    return [e['params']['request']['url'] for e in events if e['method'] == 'Network.requestWillBeSent']


def look(driver, page, width=1200, scheme='light', media=''):
    "Open the page as a reader would see it with these settings."
    driver.execute_cdp_cmd('Emulation.setDeviceMetricsOverride', dict(width=width, height=900, deviceScaleFactor=1, mobile=False))
    driver.execute_cdp_cmd('Emulation.setEmulatedMedia', dict(media=media, features=[dict(name='prefers-color-scheme', value=scheme)]))
    driver.get(page.as_uri())


def expected():
    "What the report's notebook shows: name -> the words that stand with it, a caption or the beginning of an alternative text."
    cells = json.loads((files('dl_ops_bench')/'report.ipynb').read_text())['cells']
    code = '\n'.join(''.join(c['source']) for c in cells if c['cell_type'] == 'code')
    calls = re.findall(r"""show\((\w+), \w+(?:, (?:'([^\n]*)'|"([^\n]*)"))?\)""", code)
    parts = {p.__name__: p for p in (*PARTS, progress_table, setting, claims_table, own_claims_table, findings)}
    return {name: a or b or parts[name].__doc__ for name, a, b in calls}


def test_the_report_shows_every_part():
    assert {p.__name__ for p in PARTS} <= set(expected())


@browser_needed
@pytest.mark.parametrize('width, scheme', [(1200, 'light'), (1200, 'dark'), (390, 'light'), (390, 'dark')])
def test_page_in_a_browser(driver, page, width, scheme):
    look(driver, page, width, scheme)
    assert [a for a in requested(driver) if not a.startswith(('file:', 'data:'))] == []
    assert driver.get_log('browser') == []
    texts = lambda css, what: driver.execute_script('return [...document.querySelectorAll(arguments[0])].map(e => e[arguments[1]])', css, what)
    captions, pictures, missing = texts('caption', 'textContent'), texts('figure img', 'alt'), texts('.missing', 'textContent')
    for name, words in expected().items():
        if name == 'failed_table': continue                 # the sample has none
        if name == 'records_html': assert texts('.records details', 'textContent')
        elif name == 'findings': assert [t for t in texts('main li', 'textContent') if 'the best by validation is' in t]
        else: assert [t for t in captions + pictures if t.startswith(words)] or [t for t in missing if words.rstrip('.') in t], name
    assert len(captions) == len(texts('table', 'tagName')) and texts('img:not([alt]), th:not([scope])', 'tagName') == []
    assert driver.execute_script('return [...document.images].every(i => i.complete && i.naturalWidth > 0)')
    assert driver.execute_script('return document.documentElement.scrollWidth <= window.innerWidth')


def luminance(color):
    "Relative luminance of a computed colour, by WCAG."
    rgb = [int(v)/255 for v in re.findall(r'\d+', color)[:3]]
    return sum(w*(v/12.92 if v <= 0.04045 else ((v + 0.055)/1.055)**2.4) for w, v in zip((0.2126, 0.7152, 0.0722), rgb))


@browser_needed
@pytest.mark.parametrize('scheme', ['light', 'dark'])
def test_text_can_be_read(driver, page, scheme):
    look(driver, page, scheme=scheme)
    color = lambda css, what: driver.execute_script('return getComputedStyle(document.querySelector(arguments[0]))[arguments[1]]', css, what)
    paper = luminance(color('body', 'backgroundColor'))
    assert (paper < 0.1) == (scheme == 'dark')
    for css in ('main p', '.answer', 'td small', 'td a', 'caption', 'th', '.missing strong'):
        light, dark = sorted((luminance(color(css, 'color')), paper), reverse=True)
        assert (light + 0.05)/(dark + 0.05) >= 4.5, css


@browser_needed
def test_keyboard_and_screen_reader(driver, page):
    look(driver, page)
    levels = driver.execute_script("return [...document.querySelectorAll('h1, h2, h3, h4')].map(h => +h.tagName[1])")
    assert levels[0] == 1 and levels.count(1) == 1 and all(b - a <= 1 for a, b in zip(levels, levels[1:]))
    assert driver.execute_script('return document.documentElement.lang') == 'en'
    driver.find_element('tag name', 'body').send_keys('\ue004')                                       # Tab
    assert driver.switch_to.active_element.get_attribute('class') == 'skip'
    assert driver.execute_script("return [...document.querySelectorAll('.table')].every(t => t.tabIndex == 0 && t.getAttribute('aria-label'))")


@browser_needed
def test_a_number_leads_to_its_record(driver, page):
    look(driver, page)
    ids = driver.execute_script('return [...document.querySelectorAll("[id]")].map(e => e.id)')
    assert len(ids) == len(set(ids))
    targets = driver.execute_script("return [...document.querySelectorAll('td a')].map(a => a.hash.slice(1))")
    assert targets and set(targets) <= set(ids)
    driver.get(f'{page.as_uri()}#{targets[0]}')
    assert driver.execute_script('return document.getElementById(arguments[0]).checkVisibility()', targets[0])          # its fold opens


@browser_needed
def test_print(driver, page):
    look(driver, page, media='print')
    style = lambda css, what: driver.execute_script('return getComputedStyle(document.querySelector(arguments[0]))[arguments[1]]', css, what)
    assert (style('nav', 'display'), style('details.code', 'display'), style('.table', 'overflow')) == ('none', 'none', 'visible')
    driver.execute_cdp_cmd('Emulation.setEmulatedMedia', dict(media=''))


@browser_needed
def test_every_section_link_leads_somewhere(driver, page):
    driver.get(page.as_uri())
    targets = driver.execute_script("return [...document.querySelectorAll('nav a')].map(a => decodeURIComponent(a.hash.slice(1)))")
    assert len(targets) >= 6 and all(driver.execute_script('return !!document.getElementById(arguments[0])', t) for t in targets)


@browser_needed
def test_hostile_text_is_inert(driver, tmp_path):
    record = json.loads(next(sample_dir().glob('*.json')).read_text())
    attack = '<img src=x onerror="document.title=\'owned\'"><script>document.title="owned"</script>'
    record.update(status='error', message=attack, machine={'id': attack, 'cpu_model': attack})
    Store(tmp_path).write(record)
    driver.get(render([tmp_path], tmp_path/'report.html').as_uri())
    assert 'owned' not in driver.title and '<script>document.title' in driver.find_element('tag name', 'main').text
