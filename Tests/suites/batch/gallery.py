"""The gallery in a real browser: python gallery.py PROGRAM (pip install selenium pillow; Chromium and chromedriver).

A batch of 200 photos, some with names that could be taken for HTML, and one of 3: the sliders move by mouse, touch and
keyboard, names are shown as text, pictures load as they come into view, dark and light and print look as they should.
"""

import pathlib
import subprocess
import sys
import tempfile

from PIL import Image
from selenium import webdriver
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.actions import interaction
from selenium.webdriver.common.actions.action_builder import ActionBuilder
from selenium.webdriver.common.actions.pointer_input import PointerInput
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.wait import WebDriverWait

PHOTOS = sorted((pathlib.Path(__file__).parent.parent / "smoke/photos").glob("*.jpg"))
NAMES = ["a<b>&'\"", "<script>document.title='run'<_script>", "日本語", "50% #1?", "&amp;"]


def check(holds, what):
    print("ok   " if holds else "WRONG", what, flush=True)
    check.failed = check.failed or not holds


check.failed = False


def make(program, folder, count):
    photos = folder / "photos"
    photos.mkdir(parents=True)
    for n in range(count):
        name = NAMES[n] if n < len(NAMES) else f"photo-{n:03}"
        Image.open(PHOTOS[n % len(PHOTOS)]).resize((192, 144)).save(photos / f"{name}.jpg")
    command = [
        program,
        photos,
        "-o",
        folder / "out",
        "--gallery",
        "--size",
        "128x96",
        "-q",
        "-i",
        "Cartoonize <i>it</i>",
    ]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return folder / "out/cartoonize.html"


def browser():
    options = webdriver.ChromeOptions()
    for argument in ("--headless=new", "--no-sandbox", "--window-size=1000,800", "--hide-scrollbars"):
        options.add_argument(argument)
    return webdriver.Chrome(options=options)


def cut(slider):
    return float(
        slider.parent.execute_script(
            "return getComputedStyle(arguments[0].parentNode).getPropertyValue('--cut')", slider
        )[:-1]
    )


def shown(figure):
    """What the browser paints of a figure."""
    return figure.screenshot_as_png


def sliders(page):
    slider = page.find_element(By.TAG_NAME, "input")
    figure = page.find_element(By.TAG_NAME, "figure")
    before = shown(figure)
    ActionChains(page).move_to_element(slider).click_and_hold().move_by_offset(
        slider.size["width"] // 3, 0
    ).release().perform()
    check(abs(cut(slider) - 83) < 4, f"a slider dragged by the mouse moves the border (to {cut(slider)} %)")
    check(shown(figure) != before, "and other pixels are painted")
    slider.send_keys(Keys.HOME)
    check(cut(slider) == 0, "Home moves it to the left")
    slider.send_keys(Keys.ARROW_RIGHT)
    check(cut(slider) == 1, "an arrow key moves it on by one")
    touch = ActionBuilder(page, mouse=PointerInput(interaction.POINTER_TOUCH, "finger"))
    touch.pointer_action.move_to(slider, -slider.size["width"] // 4, 0).pointer_down()
    touch.pointer_action.move_to(slider, slider.size["width"] // 4, 0).pointer_up()
    touch.perform()
    check(abs(cut(slider) - 75) < 4, f"a finger moves it (to {cut(slider)} %)")


def colours(page, scheme):
    page.execute_cdp_cmd(
        "Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    )
    style = "getComputedStyle(document.body)"
    paper, ink = page.execute_script(f"return [{style}.backgroundColor, {style}.color]")
    brightness = [sum(int(c) for c in text[4:-1].split(",")[:3]) for text in (paper, ink)]
    check(
        (brightness[0] > brightness[1]) == (scheme == "light") and abs(brightness[0] - brightness[1]) > 380,
        f"{scheme}: {ink} on {paper}",
    )


def printed(page):
    page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    both = page.execute_script("""const [a, b] = document.querySelectorAll("figure img");
        const box = e => e.getBoundingClientRect();
        return [box(a).left, box(a).right, box(b).left, box(b).right, getComputedStyle(b).clipPath]""")
    check(both[3] <= both[0] and both[4] == "none", "printed, before stands beside after, whole")
    hidden = page.execute_script("return getComputedStyle(document.querySelector('input')).display")
    check(hidden == "none", "and there are no sliders")
    page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})


def main():
    with tempfile.TemporaryDirectory() as folder:
        folder, page = pathlib.Path(folder), browser()
        for count in (3, 200):
            print(f"{count} photos")
            html = make(sys.argv[1], folder / str(count), count)
            page.get(html.as_uri())
            captions = [e.text for e in page.find_elements(By.TAG_NAME, "figcaption")]
            wanted = sorted(f"{n}.cartoon.png" for n in NAMES[:count])
            check(len(captions) == count, f"{len(captions)} figures")
            check(sorted(c for c in captions if not c.startswith("photo-")) == wanted, "names are shown as text")
            check(
                page.find_element(By.CSS_SELECTOR, "header p").text == "Cartoonize <i>it</i>", "so is the instruction"
            )
            check(page.title == "Before and after", "nothing of a name runs")
            loaded = "return [...document.images].filter(i => i.complete && i.naturalWidth).length"
            if count == 200:
                check(html.stat().st_size < 200_000, f"the page has {html.stat().st_size} bytes")
                check(
                    page.execute_script(loaded) < 200,
                    f"{page.execute_script(loaded)} of 400 pictures are loaded at first",
                )
            page.execute_script("for (const i of document.images) i.loading = 'eager'")
            WebDriverWait(page, 20).until(lambda page: page.execute_script(loaded) == 2 * count)
            check(True, "every picture can be loaded")
            sliders(page)
            for scheme in ("light", "dark"):
                colours(page, scheme)
            printed(page)
        page.quit()
    sys.exit(1 if check.failed else 0)


if __name__ == "__main__":
    main()
