"""Make the two pictures that stand beside the text: `card`, which a shared link shows, and `report`, the top of the full report for the
README (with Chromium and its driver). Both are drawn from the records in results/; run them after records were added."""
import argparse, base64, shutil, tempfile
from io import BytesIO
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent
IMAGES = TOP/'nbs/images'


def folders():
    "The folders of records."
    return sorted({p.parent for p in TOP.glob('results/*/*.json')})


def save(image, name, colors=64):
    "A PNG with few colours, so that it stays small."
    IMAGES.mkdir(exist_ok=True)
    image.convert('RGB').quantize(colors).save(IMAGES/f'{name}.png', optimize=True)
    print(f'{IMAGES.relative_to(TOP)}/{name}.png: {(IMAGES/f"{name}.png").stat().st_size:,} bytes')


def card():
    "Title, description and the accuracies of the full study with their intervals, 1200 x 630."
    import matplotlib
    matplotlib.use('agg')
    import matplotlib.pyplot as plt, PIL.Image
    from nbdev.config import get_config
    from dl_ops_bench.store import read_frame
    from dl_ops_bench.tables import runs
    df, c = read_frame(folders()), get_config(cfg_name='settings.ini', path=TOP)
    df = df[(df.dataset == 'fashion_mnist') & (df.data_fraction == 1) & (df.train_fraction == 1) & (df.model != 'dummy')]
    rows = [r for kind in ('resnet', 'svm') for r in runs(df, kind).sort_values('accuracy_pct').groupby('model').tail(1).itertuples()]
    rows.sort(key=lambda r: r.accuracy_pct)
    fig = plt.figure(figsize=(12, 6.3), dpi=100, facecolor='white')
    fig.text(0.06, 0.84, c.lib_name, fontsize=44, weight='bold', color='#2c3e50')
    head, _, tail = c.description.partition(': ')
    fig.text(0.06, 0.74, head, fontsize=21, color='#2c3e50')
    fig.text(0.06, 0.67, tail, fontsize=17, color='#5d6d7e')
    ax = fig.add_axes([0.22, 0.14, 0.70, 0.43])
    for i, r in enumerate(rows):
        color = '#2780e3' if r.model.startswith('resnet') else '#9954bb'
        ax.errorbar(r.accuracy_pct, i, xerr=[[r.accuracy_pct - r.low_pct], [r.high_pct - r.accuracy_pct]], fmt='o', ms=11, lw=4, color=color)
        ax.annotate(f'{r.accuracy_pct:.1f} %', (r.accuracy_pct, i), (0, 11), textcoords='offset points', ha='center', fontsize=14, color=color)
    ax.set_yticks(range(len(rows)), [r.model for r in rows], fontsize=16)
    ax.set_ylim(-0.6, len(rows) - 0.2)
    ax.set_xlabel('test accuracy on FashionMNIST (%), with 95 % intervals', fontsize=14)
    ax.spines[['top', 'right']].set_visible(False)
    fig.savefig(png := BytesIO())
    save(PIL.Image.open(png), 'card', 32)


def report():
    "The report's first figure, as a browser shows it, from the heading above it down to the table below."
    import PIL.Image
    from selenium import webdriver
    from dl_ops_bench.report import render
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which('chromium') or shutil.which('google-chrome')
    for flag in ('--headless=new', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--hide-scrollbars'): options.add_argument(flag)
    with tempfile.TemporaryDirectory() as d:
        page = render(folders(), Path(d)/'report.html')
        driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(shutil.which('chromedriver')))
        try:
            driver.execute_cdp_cmd('Emulation.setDeviceMetricsOverride', dict(width=1100, height=1000, deviceScaleFactor=1, mobile=False))
            driver.get(page.as_uri())
            box = driver.execute_script("""
                const images = [...document.querySelectorAll('figure img, .output img, main img')];
                const heading = [...document.querySelectorAll('h2')].filter(h => h.getBoundingClientRect().top < images[0].getBoundingClientRect().top).pop();
                const below = [...document.querySelectorAll('details')].find(d => d.getBoundingClientRect().top > images[0].getBoundingClientRect().bottom);
                const main = document.querySelector('main').getBoundingClientRect();
                return [main.left, heading.getBoundingClientRect().top + scrollY - 8, main.width, below.getBoundingClientRect().top + scrollY - 8];""")
            left, top, width, bottom = box
            shot = driver.execute_cdp_cmd('Page.captureScreenshot', dict(format='png', captureBeyondViewport=True,
                                          clip=dict(x=left, y=top, width=width, height=bottom - top, scale=1)))
        finally: driver.quit()
    save(PIL.Image.open(BytesIO(base64.b64decode(shot['data']))), 'report', 96)


if __name__ == '__main__':
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('what', nargs='*', choices=['card', 'report', []], metavar='card|report', default=[], help='which; both if none is named')
    for name in parser.parse_args().what or ['card', 'report']: dict(card=card, report=report)[name]()
