"""A headless Chromium that opens pages from the disk, for tests and for pictures.

python tests/page/browser.py page.html#cells cells.png [--dark] [--width=1100] [--height=900]
"""

import argparse
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

MISSING = [name for name in ("chromium", "chromedriver") if not shutil.which(name)]
PATIENCE = 60  # seconds


@contextmanager
def opened(address: str, *, width: int = 1100, height: int = 900, dark: bool = False) -> Iterator:
    """Gives a driver of Selenium whose page has read its first text and written one."""
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    for argument in ("headless=new", "no-sandbox", "disable-gpu", "hide-scrollbars", "disable-dev-shm-usage"):
        options.add_argument(f"--{argument}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    options.binary_location = shutil.which("chromium")
    driver = webdriver.Chrome(options, webdriver.ChromeService(shutil.which("chromedriver")))
    try:
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
        driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})
        driver.get(address)
        for part in ("written", "shown"):
            wait_for(driver, f"return document.getElementById('{part}').dataset.done === 'true'")
        yield driver
    finally:
        driver.quit()


def wait_for(driver, script: str):
    """Returns what a script returns, once that is true."""
    ends = time.monotonic() + PATIENCE
    while not (value := driver.execute_script(script)):
        if time.monotonic() > ends:
            raise TimeoutError(script)
        time.sleep(0.05)
    return value


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("page")
    parser.add_argument("picture", nargs="?")
    parser.add_argument("--speed", action="store_true", help="how fast it opens, writes and reads 20,000 characters")
    parser.add_argument("--dark", action="store_true")
    parser.add_argument("--width", type=int, default=1100)
    parser.add_argument("--height", type=int, default=900)
    parser.add_argument("--likeliest", action="store_true", help="show the likeliest next characters")
    asked = parser.parse_args()
    name, _, view = asked.page.partition("#")
    address = f"{Path(name).resolve().as_uri()}#{view or 'write'}"
    with opened(address, width=asked.width, height=asked.height, dark=asked.dark) as driver:
        if asked.likeliest:
            driver.find_element("id", "likeliest").click()
        if asked.picture:
            time.sleep(0.3)
            Path(asked.picture).write_bytes(driver.get_screenshot_as_png())
        if asked.speed:
            print_speed(driver)


def print_speed(driver) -> None:
    """Prints seconds from the navigation to the first text, and what the page says of 20,000 characters."""
    first = "return document.getElementById('written').dataset.first"
    print(f"first text {float(driver.execute_script(first)) / 1000:.2f} s after opening")
    done = "return document.getElementById('{part}').dataset.done === 'true'"
    prepare = """
        const [part, form] = arguments, field = (id) => document.getElementById(id);
        field(part).dataset.done = false;
        field("characters").value = 20000;
        if (part === "shown") field("given").value = field("written").textContent;
        document.querySelector(`${form} button.main`).click();
    """
    for _ in range(5):
        for part, form, status in (("written", "#write-form", "write-status"), ("shown", "#read-form", "read-status")):
            driver.execute_script(prepare, part, form)
            wait_for(driver, done.format(part=part))
            text = driver.execute_script(f"return document.getElementById('{status}').textContent")
            print(f"{'wrote' if part == 'written' else 'read'}: {text}")


if __name__ == "__main__":
    main()
