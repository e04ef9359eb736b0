"""Make the two pictures that stand beside the text: `card`, which a shared link shows, and `report`, the first screen
of the report for the README (with Chromium and its driver). Both are drawn from the records in results/; run them after
records were added."""
import argparse, base64, shutil, tempfile
from io import BytesIO
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent
IMAGES = TOP/'nbs/images'


def save(image, name, colors=64):
    "A PNG with few colours, so that it stays small."
    IMAGES.mkdir(exist_ok=True)
    few = image.convert('RGB').quantize(colors, 1)          # by maximum coverage: it keeps the colours of single marks
    few.save(IMAGES/f'{name}.png', optimize=True)
    print(f'{IMAGES.relative_to(TOP)}/{name}.png: {(IMAGES/f"{name}.png").stat().st_size:,} bytes')


def card():
    "Title, description and the accuracies of the full study with their intervals, 1200 x 630."
    import matplotlib
    matplotlib.use('agg')
    import matplotlib.pyplot as plt, PIL.Image
    from nbdev.config import get_config
    from dl_ops_bench._docs import result_folders
    from dl_ops_bench.compare import StudyScale, settings
    from dl_ops_bench.figures import best_models
    from dl_ops_bench.store import read_records
    c = get_config(cfg_name='settings.ini', path=TOP)
    rows = best_models(settings(read_records(*result_folders(TOP))).at(StudyScale()))['FashionMNIST']
    fig = plt.figure(figsize=(12, 6.3), dpi=100, facecolor='white')
    fig.text(0.06, 0.84, c.lib_name, fontsize=44, weight='bold', color='#2c3e50')
    head, _, tail = c.description.partition(': ')
    fig.text(0.06, 0.74, head, fontsize=21, color='#2c3e50')
    fig.text(0.06, 0.67, tail, fontsize=17, color='#5d6d7e')
    ax = fig.add_axes([0.28, 0.14, 0.64, 0.43])
    for i, row in enumerate(rows):
        e, color = row.estimate, '#2780e3' if row.trial.kind == 'resnet' else '#9954bb'
        ax.errorbar(e.value, i, xerr=[[e.value - e.low], [e.high - e.value]], fmt='o', ms=11, lw=4, color=color)
        ax.annotate(f'{e.value:.1f} %', (e.value, i), (0, 11), textcoords='offset points', ha='center', fontsize=14,
                    color=color)
    ax.set_yticks(range(len(rows)), [row.name for row in rows], fontsize=16)
    ax.set_ylim(len(rows) - 0.4, -0.8)
    ax.set_xlabel('test accuracy on FashionMNIST (%), with 95 % intervals', fontsize=14)
    ax.spines[['top', 'right']].set_visible(False)
    fig.savefig(png := BytesIO())
    save(PIL.Image.open(png), 'card', 32)


def report():
    "The report as it opens in a browser 1200 px wide, down to the end of its first figure."
    import PIL.Image
    from selenium import webdriver
    from dl_ops_bench._docs import result_folders
    from dl_ops_bench.report import render
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which('chromium') or shutil.which('google-chrome')
    for flag in ('--headless=new', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--hide-scrollbars'):
        options.add_argument(flag)
    with tempfile.TemporaryDirectory() as d:
        page = render(result_folders(TOP), Path(d)/'report.html')
        driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(shutil.which('chromedriver')))
        try:
            driver.execute_cdp_cmd('Emulation.setDeviceMetricsOverride',
                                   dict(width=1200, height=1000, deviceScaleFactor=1, mobile=False))
            driver.get(page.as_uri())
            hero = "return document.querySelector('figure').getBoundingClientRect().bottom + 16"
            clip = dict(x=0, y=0, width=1200, height=driver.execute_script(hero), scale=1)
            shot = driver.execute_cdp_cmd('Page.captureScreenshot',
                                          dict(format='png', captureBeyondViewport=True, clip=clip))
        finally: driver.quit()
    save(PIL.Image.open(BytesIO(base64.b64decode(shot['data']))), 'report', 96)


if __name__ == '__main__':
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('what', nargs='*', choices=['card', 'report', []], metavar='card|report', default=[],
                        help='which; both if none is named')
    for name in parser.parse_args().what or ['card', 'report']: dict(card=card, report=report)[name]()
