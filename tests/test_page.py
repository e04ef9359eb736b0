"The report as a reader's browser shows it: complete, quiet, inert, and narrow enough for a telephone."
import json, shutil

import pytest

from dl_ops_bench.report import render, sample_dir
from dl_ops_bench.store import Store

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


@browser_needed
@pytest.mark.parametrize('width', [1200, 390])
def test_page_in_a_browser(driver, page, width):
    driver.execute_cdp_cmd('Emulation.setDeviceMetricsOverride', dict(width=width, height=900, deviceScaleFactor=1, mobile=False))
    driver.get(page.as_uri())
    assert [a for a in requested(driver) if not a.startswith(('file:', 'data:'))] == []
    assert driver.get_log('browser') == []
    count = lambda css: driver.execute_script('return document.querySelectorAll(arguments[0]).length', css)
    assert count('table') >= 7 and count('figure img') >= 8 and count('h1') == 1
    assert count('img:not([alt]), th:not([scope])') == 0
    assert driver.execute_script('return [...document.images].every(i => i.complete && i.naturalWidth > 0)')
    assert driver.execute_script('return document.documentElement.scrollWidth <= window.innerWidth')


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
