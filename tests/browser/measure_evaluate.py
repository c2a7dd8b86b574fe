"""`make measure`: from a click on a cell of the matrix to its pictures painted, at several sizes, as one JSON document.

The predictions are made up, over copies of the demo dataset's pictures; server, catalog, gallery and browser are the real ones.
SIZES are pairs of predictions and classes. Nothing else should be computing on the machine.
"""

import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
from measure import ARGUMENTS, PROJECT, _chromium, _free_port, _wait_for_port
from playwright.sync_api import Page, sync_playwright

SIZES = ((3_000, 6), (100_000, 6), (100_000, 100))
CLICKS = 15

# From the click itself, by the browser's clock, looking once a frame.
_WATCH = """([row, column]) => {
  const root = key => [...document.querySelectorAll(`.st-key-${key} *`)].find(node => node.shadowRoot)?.shadowRoot
  const tiles = () => [...(root("cell-0")?.querySelectorAll(".tile") ?? [])]
  const ids = () => tiles().map(tile => tile.dataset.id).join()
  const painted = () => {
    const seen = tiles().map(tile => tile.querySelector("img")).filter(image => image.getBoundingClientRect().top < innerHeight)
    return seen.length > 0 && seen.every(image => image.complete && image.naturalWidth > 0)
  }
  const before = ids()
  window.measured = new Promise(done => root("matrix").querySelector("canvas").addEventListener("click", () => {
    const began = performance.now()
    const look = () => {
      if (ids() !== before && painted()) done(performance.now() - began)
      else if (performance.now() - began > 60000) done(NaN)
      else requestAnimationFrame(look)
    }
    look()
  }, { once: true, capture: true }))
  const heads = [`.rows [data-place="${row}"]`, `.columns [data-place="${column}"]`].map(at => root("matrix").querySelector(at))
  heads[0].scrollIntoView({ block: "nearest" })
  const [down, across] = heads.map(head => head.getBoundingClientRect())
  return [across.left + across.width / 2, down.top + down.height / 2]
}"""


def main() -> None:
    home = Path(tempfile.mkdtemp(prefix="scenescope-measure-"))
    os.environ["SCENESCOPE_HOME"] = str(home)
    try:
        subprocess.run([sys.executable, "-m", "engine", "data", "add", "demo"], cwd=PROJECT, check=True, stdout=2)
        sys.path.insert(0, str(PROJECT))
        runs = {f"{rows}_predictions_{classes}_classes": made(home, rows, classes) for rows, classes in SIZES}
        print(json.dumps(measured(runs), indent=1))  # noqa: T201
    finally:
        shutil.rmtree(home, ignore_errors=True)


def made(home: Path, rows: int, classes: int) -> str:
    """The address of a run that has answered so many images: a dataset of its own, each picture under many paths."""
    from engine.core.files import write_json
    from engine.data.catalog_schema import FACTS
    from engine.data.datasets import Dataset, load_dataset, register_dataset
    from engine.data.fingerprint import renew_generation
    from engine.data.predictions import prediction_table, write_predictions
    from engine.runs.config import configure

    demo, name = load_dataset("demo"), f"many-{rows}-{classes}"
    data = Dataset(name, home / "many", demo.source, time.time(), synthetic=True)
    names = list(demo.classes)
    if classes != len(names):
        names = [f"class {number:03d}" for number in range(classes)]
    rng = np.random.default_rng(0)
    true = rng.integers(0, classes, rows)
    # Every class has two neighbours that it is taken for.
    away = rng.choice([0, 1, -1, 2], rows, p=[0.88, 0.06, 0.04, 0.02])
    data.catalog.file.parent.mkdir(parents=True)
    shutil.copy(demo.catalog.file, data.catalog.file)
    fields = FACTS.split(", ")
    with data.catalog.connect() as connection:
        base = [
            dict(zip(fields, row, strict=True)) for row in connection.execute(f"SELECT {FACTS} FROM images WHERE state = 'ok'")
        ]
        connection.execute("DELETE FROM images")
        copies = -(-rows // len(base))
        for copy in range(copies):
            data.root.mkdir(exist_ok=True)
            if not (link := data.root / f"copy{copy}").exists():
                link.symlink_to(demo.root, target_is_directory=True)
        facts = []
        for number in range(rows):
            row = base[number % len(base)]
            changed = {
                "path": f"copy{number // len(base)}/{row['path']}",
                "split": "test",
                "given": "test",
                "class": names[true[number]],
            }
            facts.append(tuple((row | changed)[field] for field in fields))
        connection.executemany(f"INSERT INTO images ({FACTS}) VALUES ({', '.join('?' * len(fields))})", facts)
        renew_generation(connection)
    register_dataset(data)
    run = home / "runs" / name
    (run / "checkpoints" / "best-1").mkdir(parents=True)
    write_json(
        run / "config.json", {"config": configure(name).to_dict(), "created": time.time(), "classes": names, "fingerprint": ""}
    )
    write_json(run / "status.json", {"state": "finished", "detail": "", "updated": time.time()})
    probabilities = rng.dirichlet(np.full(classes, 0.3), rows) * 0.3
    probabilities[np.arange(rows), (true + away) % classes] += 0.7
    images = data.catalog.frame("test").sort_values("id").reset_index(drop=True)
    order = pd.Series(range(classes), index=names)[images["class"]].to_numpy()
    assert (order == true).all()
    write_predictions(run, "test", prediction_table(images, true, probabilities), names)
    return f"evaluate?dataset={name}&run={run.name}"


def measured(runs: dict[str, str]) -> dict:
    port = _free_port()
    server = subprocess.Popen(
        [sys.executable, "-m", "streamlit", "run", "--server.headless", "true", "--server.port", str(port)],
        cwd=PROJECT, start_new_session=True, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        address = f"http://127.0.0.1:{port}"
        _wait_for_port(address)
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=_chromium(), args=ARGUMENTS)
            page = browser.new_page(viewport={"width": 1440, "height": 1000})
            figures = {}
            for name, where in runs.items():
                figures[f"cell_to_gallery_ms_at_{name}"] = _clicks(page, f"{address}/{where}")
            # The matrix of all 100 classes at once, not only of the most confused.
            figures[f"cell_to_gallery_ms_at_{name}_all_shown"] = _clicks(page, f"{address}/{where}&shown=all")
            browser.close()
        return figures
    finally:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()


def _clicks(page: Page, address: str) -> dict:
    page.set_default_timeout(180_000)
    began = time.monotonic()
    page.goto(address)
    page.locator(".st-key-cell-0 .tile img").first.wait_for()
    opened = time.monotonic() - began
    page.wait_for_timeout(3000)
    times = []
    for number in range(CLICKS + 1):
        # Of the diagonal, where every cell fills a page of 60 pictures.
        page.mouse.click(*page.evaluate(_WATCH, [number % 6, number % 6]))
        times.append(round(page.evaluate("() => window.measured")))
        page.wait_for_timeout(400)
    # The first click is apart: the browser compiles what it calls for the first time.
    later = times[1:]
    return {
        "first": times[0],
        "median": statistics.median(later),
        "worst": max(later),
        "n": len(later),
        "opened_s": round(opened, 1),
    }


if __name__ == "__main__":
    main()
