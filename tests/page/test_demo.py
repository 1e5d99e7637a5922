"""docs/demo.html, the page that visitors open first: small, complete by itself, and working in a browser."""

import json
import re
from importlib import util

import browser
import pytest
from conftest import ROOT

DEMO = ROOT / "docs" / "demo.html"
LACKING = [*browser.MISSING, *(name for name in ["selenium"] if util.find_spec(name) is None)]


def test_the_demo_is_small_and_holds_nothing_of_the_machine_that_made_it():
    page = DEMO.read_text(encoding="utf-8")
    assert len(page.encode()) < 600_000
    facts = json.loads(re.search(r'<script type="application/json" id="facts">(.*?)</script>', page)[1])
    assert {matrix["form"] for matrix in facts["weights"]} == {"int8", "float32"}
    assert not re.search(r"""(src|href)=["'](?!data:)|@import|url\(|https?://(?!www\.w3\.org)""", page)
    assert not re.search(r"/(work|tmp|home|root)/", page)


@pytest.mark.serving
@pytest.mark.skipif(bool(LACKING), reason=f"not installed: {', '.join(LACKING)}")
# Selenium's connection to the driver is closed when it is collected.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_in_a_browser_the_demo_writes_reads_and_names_a_cell_that_follows_quotes():
    with browser.opened(DEMO.as_uri()) as driver:

        def text_of(part):
            return driver.execute_script("return document.getElementById(arguments[0]).textContent", part)

        assert len(text_of("written")) > 1000
        assert "nats per character" in text_of("read-status")
        driver.find_element("id", "tab-cells").click()
        name, correlation = driver.find_element("css selector", "#traits button").text.rsplit(" ", 1)
        assert name == "inside quotes"
        assert abs(float(correlation.replace("−", "-"))) > 0.9
        driver.find_element("id", "tab-map").click()
        assert len(driver.find_elements("css selector", "#map-picture .token")) > 50
        assert not [entry for entry in driver.get_log("browser") if entry["level"] == "SEVERE"]
        requests = [json.loads(entry["message"])["message"] for entry in driver.get_log("performance")]
        addresses = [
            each["params"]["request"]["url"] for each in requests if each["method"] == "Network.requestWillBeSent"
        ]
        assert {address.split(":")[0] for address in addresses} <= {"file", "blob", "data"}
