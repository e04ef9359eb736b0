"The page as a reader's browser shows it, in five states: whole, quiet, inert, for every screen and for paper."
import base64, json, re, shutil

import pytest

from dl_ops_bench.report import render
from dl_ops_bench.store import Store
from dl_ops_bench.tables import sample_dir
from studies import LAPTOP, STATES, record, registries
from dl_ops_bench.trial import Trial

DRIVER, BROWSER = shutil.which('chromedriver'), shutil.which('chromium') or shutil.which('google-chrome')
pytestmark = pytest.mark.skipif(not (DRIVER and BROWSER), reason='browser: chromium and chromedriver are not installed')
TAB, A4_MM, MARGIN_MM, MM = '\ue004', 210, 16, 96/25.4             # pixels of a millimetre of paper


@pytest.fixture(scope='module')
def pages(tmp_path_factory):
    "Name of a state -> its page."
    top, made = tmp_path_factory.mktemp('pages'), {}
    with registries():
        for name, study in STATES.items(): made[name] = render(study(top/name), top/f'{name}.html')
        yield made


@pytest.fixture(scope='module')
def browser():
    from selenium import webdriver
    options = webdriver.ChromeOptions()
    options.binary_location = BROWSER
    for flag in ('--headless=new', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--hide-scrollbars'):
        options.add_argument(flag)
    options.set_capability('goog:loggingPrefs', {'browser': 'ALL', 'performance': 'ALL'})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    yield driver
    driver.quit()


class View:
    "A page in a window, as a reader's settings show it."
    def __init__(self, driver, page, width=1200, height=1000, scheme='light', media=''):
        self.driver = driver
        self.resize(width, height)
        features = [dict(name='prefers-color-scheme', value=scheme)]
        driver.execute_cdp_cmd('Emulation.setEmulatedMedia', dict(media=media, features=features))
        driver.get(page.as_uri())

    def resize(self, width, height):
        metrics = dict(width=width, height=height, deviceScaleFactor=1, mobile=False)
        self.driver.execute_cdp_cmd('Emulation.setDeviceMetricsOverride', metrics)

    def js(self, code, *values): return self.driver.execute_script(code, *values)

    def all(self, css, of='e.textContent'):
        "A value of each element that a selector finds; `e` is the element."
        return self.js(f'return [...document.querySelectorAll(arguments[0])].map(e => {of})', css)

    def those(self, css, condition):
        "How the elements of a selector begin for which a condition on `e` holds."
        found = f'[...document.querySelectorAll(arguments[0])].filter(e => {condition})'
        return self.js(f'return {found}.map(e => e.outerHTML.replace(/\\s+/g, " ").slice(0, 200))', css)

    def requested(self):
        "Addresses that were asked for since the last call."
        events = [json.loads(e['message'])['message'] for e in self.driver.get_log('performance')]
        return [e['params']['request']['url'] for e in events if e['method'] == 'Network.requestWillBeSent']


@pytest.fixture(params=STATES)
def page(request, pages): return pages[request.param]


APPENDIX = "e.closest('section')?.querySelector('h2').textContent.startsWith('Appendix')"
ASIDE = "e.closest('.sr, .skip')"
WIDER = f"""const wide = (e, limit) => {{
    const box = e.getBoundingClientRect();
    return box.width && !{ASIDE} && (box.right > limit + 1 || box.left < -1);
}};"""


def test_nothing_failed(pages):
    for page in pages.values(): assert re.findall('This part could not be made[^<]*', page.read_text()) == []


def test_telephone(browser, page):
    view = View(browser, page, 390, 844)
    assert view.js('return document.documentElement.scrollWidth') <= 390
    assert view.js(f"""{WIDER} return [...document.querySelectorAll('table')].filter(e => !{APPENDIX})
        .filter(e => wide(e, 390) || e.scrollWidth > e.parentElement.clientWidth)
        .map(e => e.caption.textContent)""") == []
    assert view.js(f"{WIDER} return [...document.querySelectorAll('svg, h1, h2, h3, p, li, figcaption, caption')]"
                   f".filter(e => !e.closest('.scroll') && wide(e, 390)).map(e => e.outerHTML.slice(0, 99))") == []
    nested = "['auto', 'scroll'].includes(getComputedStyle(e).overflowY) && e.scrollHeight > e.clientHeight + 1"
    assert view.those('main *', nested) == []                       # nothing scrolls up and down but the page


@pytest.mark.parametrize('width', [320, 600, 720, 900])
def test_other_screens(browser, page, width):
    view = View(browser, page, width, 800)
    assert view.js('return document.documentElement.scrollWidth') <= width
    assert width < 390 or view.those('table', f"!({APPENDIX}) && e.scrollWidth > e.parentElement.clientWidth + 1") == []


def test_language(browser, page):
    view = View(browser, page)
    said = view.all('title, h1, h2, h3, th, caption, figcaption, main p, li, dt, dd, summary, td, svg text',
                    "e.closest('.records p') ? '' : e.textContent")
    said += view.all('[aria-label]', 'e.ariaLabel') + view.all('[data-head]', 'e.dataset.head')
    said += view.all('img', 'e.alt')
    assert [s for s in said if '_' in s.replace('dl_ops_bench', '') or '`' in s] == []
    assert [s for s in said if re.search(r'\b(nan|inf|True|False|None(?! of))\b', s)] == []
    assert [s for s in said if re.search(r' {2}|\.\.(?!\.)|\. \.|,,| ,', re.sub(r'\s+', ' ', s))] == []


def test_figures_and_tables_are_numbered(browser, page):
    view = View(browser, page)
    captions = view.all('figure', "[...e.querySelectorAll(':scope > figcaption')].map(c => c.textContent).join('|')")
    numbers = [int(re.match(r'Figure (\d+)\. \S.*?\. \S', c)[1]) for c in captions]
    assert numbers and numbers == list(range(1, len(captions) + 1))
    tables = view.all('table', 'e.caption ? e.caption.textContent : ""')
    assert all(tables)
    numbers = [int(m[1]) for m in map(re.compile(r'Table (\d+)\.').match, tables) if m]
    lacking = view.all('.box', 'e.textContent')         # one of the reference's four keeps its number, measured or not
    numbers += [int(m[1]) for m in map(re.compile(r'\s*Table ([1-4])\. .* not measured').match, lacking) if m]
    assert sorted(numbers) == list(range(1, len(numbers) + 1))
    assert view.those('figure', "!e.querySelector('svg')") == []
    assert view.those('figure svg', "e.role != 'img' || !e.ariaLabel") == []
    assert len(set(view.all('figure svg', 'e.ariaLabel'))) == len(view.all('figure svg'))


def test_heads_of_tables(browser, page):
    view = View(browser, page)
    assert view.those('tbody tr', "!e.querySelector('th[scope=row], th[scope=rowgroup]')") == []
    assert view.those('th', '!e.scope && e.textContent.trim() || e.closest("tbody") && !e.textContent.trim()') == []
    widths = "[...e.rows].map(r => [...r.cells].reduce((n, c) => n + c.colSpan, 0))"
    for table in view.all('table', f"[...e.tBodies].flatMap(b => (e => {widths})(b))"): assert len(set(table)) == 1


def test_ids_and_links(browser, page):
    view = View(browser, page)
    ids, hrefs = view.all('[id]', 'e.id'), view.all('a[href]', "e.getAttribute('href')")
    assert len(ids) == len(set(ids))
    assert [h for h in hrefs if h.startswith('#') and h[1:] not in ids] == []
    assert [h for h in hrefs if not h.startswith(('#', 'https://'))] == []
    used = re.findall(r'url\(#([^)]*)\)|<use[^>]* href="#([^"]*)"', page.read_text())
    assert {a or b for a, b in used} <= set(ids)


def test_quiet_and_without_scripts(browser, page):
    view = View(browser, page)
    assert [a for a in view.requested() if not a.startswith(('file:', 'data:'))] == []
    assert browser.get_log('browser') == []
    assert not view.all('script, link, iframe, object, embed, form, svg image[href^=http]', 'e.tagName')
    assert all(src.startswith('data:image/') for src in view.all('img', 'e.src'))
    assert all(view.all('img', 'e.complete && e.naturalWidth')) and len(page.read_bytes()) < 1e6


ANSWERS = dict(quick=3, lab=5, committed=5, complete=5, own=2)         # at least


@pytest.mark.parametrize('state', STATES)
def test_the_first_screen_answers(browser, pages, state):
    view = View(browser, pages[state])
    bottom = 'e.getBoundingClientRect().bottom'
    [title], answers = view.all('h1', bottom), view.all('.answers:first-of-type li', bottom)
    answers = view.js(f"return [...document.querySelector('.answers').children].map(e => {bottom})")
    hero = view.js(f"return [...document.querySelector('figure').querySelectorAll('svg')].map(e => {bottom})")
    assert len(answers) == 5 or state in ('quick', 'own') and len(answers) >= ANSWERS[state]
    assert hero and max([title, *answers, *hero]) <= 900, (title, answers, hero)
    assert view.js("return document.querySelector('main').firstElementChild.tagName") == 'H1'


def test_a_study_of_ones_own_answers_its_own_question(browser, pages):
    view = View(browser, pages['own'])
    first, *contrasts = view.js("return [...document.querySelector('.answers').children].map(e => e.textContent)")
    assert 'Small CNN' in first and 'AdamW' in first and 'My shapes' in first
    told = ' '.join(contrasts)
    for other in ('than ResNet-18', 'than with SGD', 'with learning rate 0.001 than with 0.01'):
        assert other in told, told
    assert 'points' in told and 'reference' not in view.all('section')[0].replace('reference report', '')
    assert not [h for h in view.all('h2') if 'reference' in h.lower()]


def test_what_a_trial_run_and_a_study_without_a_gpu_say(browser, pages):
    view = View(browser, pages['quick'])
    assert any("can't be compared with the reference" in t for t in view.all('.box'))
    for state in ('lab', 'committed'):
        hardware = next(t for t in View(browser, pages[state]).all('section') if t.strip().startswith('Question 2'))
        assert 'dl-ops-bench run' in hardware
    tables = View(browser, pages['complete']).all('section:has(#tables)')
    assert tables and 'Not measured' not in tables[0]


def test_print(browser, page):
    width = (A4_MM - 2*MARGIN_MM)*MM
    view = View(browser, page, round(width), 1000, media='print')
    assert view.js(f"""{WIDER} return [...document.querySelectorAll('main, main *')]
        .filter(e => wide(e, {width})).map(e => e.outerHTML.slice(0, 150))""") == []
    clips = "['hidden', 'clip', 'auto', 'scroll'].includes(getComputedStyle(e).overflowX)"
    assert view.those('main *', f'{clips} && e.scrollWidth > e.clientWidth + 1 && !{ASIDE}') == []
    browser.execute_cdp_cmd('Emulation.setEmulatedMedia', dict(media=''))
    inches = dict(paperWidth=A4_MM/25.4, paperHeight=297/25.4)
    pdf = base64.b64decode(browser.execute_cdp_cmd('Page.printToPDF', inches | dict(preferCSSPageSize=True))['data'])
    assert pdf.startswith(b'%PDF-') and len(re.findall(rb'/Type\s*/Page\b', pdf)) > 1


CONTRAST = """
const canvas = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
const rgba = color => {                                     // of any CSS colour
    canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = color; canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
};
const luminance = c => [0.2126, 0.7152, 0.0722].reduce((sum, w, i) => {
    const v = c[i]/255; return sum + w*(v <= 0.04045 ? v/12.92 : ((v + 0.055)/1.055)**2.4) }, 0);
const ratio = (a, b) => {
    const [x, y] = [luminance(a), luminance(b)].sort((p, q) => q - p); return (x + 0.05)/(y + 0.05) };
const filled = (shape, x, y) => {
    const p = new DOMPoint(x, y).matrixTransform(shape.getScreenCTM().inverse());
    return shape.isPointInFill && shape.isPointInFill(p) };
const over = (top, ground) => [0, 1, 2].map(i => top[i]*top[3]/255 + ground[i]*(1 - top[3]/255));
const layer = (color, opacity) => { const c = rgba(color); c[3] *= opacity; return c };
const grounds = (e, x, y) => {                              // what lies under a point; both colours of a hatched ground
    let hatched = null, layers = [];
    for (const below of document.elementsFromPoint(x, y)) {
        const style = getComputedStyle(below);
        if (below instanceof SVGGeometryElement) {
            if (style.fill == 'none' || !filled(below, x, y)) continue;
            layers.push(layer(style.fill, style.fillOpacity*style.opacity));
        } else if (!below.closest('svg')) {
            const hatches = style.backgroundImage.match(/rgba?\\([^)]*\\)/g) || [];
            for (const c of hatches) if (rgba(c)[3] == 255) hatched = rgba(c);
            layers.push(rgba(style.backgroundColor));
        }
    }
    const ground = layers.reduceRight((under, top) => over(top, under), [255, 255, 255]);
    return hatched ? [ground, hatched] : [ground];
};
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT), bad = [], range = document.createRange();
for (let node; node = walker.nextNode();) {
    const e = node.parentElement;
    if (!node.textContent.trim() || e.closest('.sr, .skip, title, style') || !e.checkVisibility()) continue;
    range.selectNodeContents(node);
    const box = range.getClientRects()[0];
    if (!box || !box.width) continue;
    const [x, y] = [box.left + box.width/2, box.top + box.height/2], style = getComputedStyle(e);
    const ink = rgba(e.closest('svg') ? style.fill : style.color);
    for (const ground of grounds(e, x, y)) {
        const r = ratio(ink, ground);
        const what = `${e.tagName} ${node.textContent.trim().slice(0, 40)}`;
        if (r < 4.5) bad.push(`${r.toFixed(2)} ${what} ${ink} on ${ground.map(Math.round)}`);
    }
}
return bad;
"""


@pytest.mark.parametrize('scheme', ['light', 'dark'])
def test_contrast(browser, page, scheme):
    view = View(browser, page, scheme=scheme)
    height = view.js("""[...document.querySelectorAll('details')].slice(0, 3).forEach(e => e.open = true);
                        return document.documentElement.scrollHeight""")
    view.resize(1200, height)           # all of it on the screen, so that it can be pointed at
    paper = view.js("return getComputedStyle(document.body).backgroundColor")
    assert (int(re.findall(r'\d+', paper)[0]) < 60) == (scheme == 'dark')
    assert view.js(CONTRAST) == []


def test_keyboard_and_screen_reader(browser, page):
    view = View(browser, page)
    levels = view.all('h1, h2, h3, h4, h5, h6', '+e.tagName[1]')
    assert levels[0] == 1 and levels.count(1) == 1 and all(b - a <= 1 for a, b in zip(levels, levels[1:]))
    assert view.all('html', 'e.lang') == ['en'] and view.all('title')[0].strip() and view.all('main', '1') == [1]
    browser.find_element('tag name', 'body').send_keys(TAB)
    skip = browser.switch_to.active_element
    assert skip.get_attribute('class') == 'skip'
    assert view.js('return arguments[0].getBoundingClientRect().left', skip) >= 0
    assert view.js('return !!document.getElementById(arguments[0].hash.slice(1))', skip)
    assert view.those('td.lacking', "!e.querySelector('.sr')") == []        # hatching says nothing to who can't see it
    assert all(view.all('section', "e.ariaLabel || e.getAttribute('aria-labelledby')"))


def test_a_number_leads_to_its_record(browser, page):
    view = View(browser, page)
    targets = view.all('td a', 'e.hash.slice(1)')
    assert targets
    view.js("document.querySelector('td a').click()")
    assert view.js('return document.getElementById(arguments[0]).checkVisibility()', targets[0])        # its fold opens
    origin = view.js("return document.getElementById(arguments[0]).querySelector('a').hash.slice(1)", targets[0])
    assert 'commit' in view.js('return document.getElementById(arguments[0]).textContent', origin) or origin


def test_hostile_text_is_inert(browser, tmp_path):
    attack = '<img src=x onerror="document.title=\'owned\'"><script>document.title="owned"</script>'
    attack += '\'"&lt;$x_1$\x00\ud800'.encode('utf-8', 'replace').decode()
    file = next(p for p in sample_dir().glob('*.json') if p.name != 'study.json')
    broken = json.loads(file.read_text()) | dict(status='error', message=attack, command=attack, finished=attack)
    (tmp_path/file.name).write_text(json.dumps(broken | dict(machine=dict(id=attack, cpu_model=attack))))
    with registries():
        for seed in range(2): _hostile(tmp_path, attack, seed)
        view = View(browser, render([tmp_path], tmp_path/'report.html'))
    assert 'owned' not in browser.title and not view.all('script, img', '1')
    assert '<script>document.title' in view.all('main')[0]
    assert not any(view.all('*', "[...e.attributes].some(a => a.name.startsWith('on'))"))
    assert browser.get_log('browser') == []


def _hostile(folder, attack, seed):
    "A record whose every text is an attack, the words of its user's own model too."
    import numpy as np
    made = record(Trial(seed=seed), LAPTOP, np.random.default_rng(0), classes=[f'{attack}{i}' for i in range(10)])
    Store(folder).write(made, made.arrays)
    file = folder/f'{made.id}.json'
    told = json.loads(file.read_text())
    told['machine'] |= dict(id=attack, cpu_model=attack, gpus=[dict(name=attack)])
    told['package'], told['command'], told['versions'] = dict(version=attack, commit=attack), attack, dict(torch=attack)
    file.write_text(json.dumps(told))
