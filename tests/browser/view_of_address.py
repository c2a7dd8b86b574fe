"""What a page must show for an address, from the files alone: no session, no widget. The monkey walk holds the browser to it.

`expected(page, query)` gives what must be seen, by name; `observed(tab, names)` what is seen under the same names.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from urllib.parse import parse_qsl, urlsplit

import pandas as pd
from driven import Tab

from dashboard.app.filter_state import chips
from dashboard.app.paging import page_slice
from dashboard.app.train_options import from_text
from dashboard.clean.tabs import TABS as CLEAN
from dashboard.components.matrix.selection import CellSelection
from dashboard.components.scored_gallery import PAGE as CELL_PAGE
from dashboard.components.scored_gallery import SORTS
from dashboard.evaluate.tabs import TABS as EVALUATE
from dashboard.explore.gallery import _ORDERS as ORDERS
from dashboard.explore.gallery import page_ids
from dashboard.explore.query import Order
from dashboard.explore.tabs import TABS as EXPLORE
from engine.curation import acquisition
from engine.curation import load_audit as audit_of
from engine.curation.review_queue import build_queue
from engine.data.datasets import load_dataset
from engine.data.filters import Filter
from engine.runs import pipelines
from engine.runs.config import configure, fields
from engine.runs.run import load_run

Shown = dict[str, object]  # name of a thing on the page -> what it shows
Query = Mapping[str, str]

_READ = """names => {
  const all = []
  const walk = root => { for (const e of root.querySelectorAll("*")) { all.push(e); if (e.shadowRoot) walk(e.shadowRoot) } }
  walk(document.querySelector("[data-testid=stMain]"))
  const main = all.filter(e => !e.closest("[role=dialog]"))
  const text = e => {
    const copy = e.cloneNode(true)
    copy.querySelectorAll("[data-testid=stIconMaterial], [role=img], svg").forEach(icon => icon.remove())
    return copy.textContent.trim()
  }
  const group = label => main.find(e => e.matches("[role=radiogroup], [role=group], [data-testid=stButtonGroup] > div")
    && e.getAttribute("aria-label") === label)
  const read = {
    tab: () => { const tab = main.find(e => e.matches("[role=tab][aria-selected=true]")); return tab ? text(tab) : null },
    radio: label => { const one = group(label)?.querySelector("[aria-checked=true]"); return one ? text(one) : null },
    select: label => {
      const box = main.find(e => e.matches("input[role=combobox]") && e.getAttribute("aria-label") === label)
      return box && box === document.activeElement ? "(being edited)" : box?.value ?? null
    },
    input: label => main.find(e => e.matches("input") && e.getAttribute("aria-label") === label)?.value ?? null,
    chips: () => main.filter(e => e.matches("[class*=st-key-filter-chip-] button") && e.getClientRects().length).map(text),
    tiles: key => main.filter(e => e.matches(".tile") && e.getRootNode().host?.closest(`.st-key-${key}`) || e.matches(`.st-key-${key} .tile`))
      .map(e => Number(e.dataset.id)),
    toggles: () => main.filter(e => e.matches("[data-testid=stCheckbox]") && e.querySelector("[role=switch]"))
      .map(e => [text(e.querySelector("[data-testid=stWidgetLabel]") ?? e), e.querySelector("[role=switch]").checked]),
    says: pattern => document.querySelector("[data-testid=stMain]").innerText.match(new RegExp(pattern))?.[0] ?? null,
    picture: () => {
      const image = main.find(e => e.matches("img[src*='/image/']") && e.getBoundingClientRect().width > 40)
      return image ? Number(image.getAttribute("src").match(/\\/image\\/[^/]+\\/(\\d+)/)?.[1]) : null
    },
  }
  return names.map(name => { const [kind, ...label] = name.split(":"); return read[kind](label.join(":")) })
}"""


def query_of(url: str) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(url).query, keep_blank_values=True))


def page_of(url: str) -> str:
    return urlsplit(url).path.strip("/") or "start"


def observed(tab: Tab, names: Sequence[str]) -> Shown:
    """What the page shows under these names."""
    return dict(zip(names, tab.page.evaluate(_READ, list(names)), strict=True))


def expected(page: str, query: Query) -> Shown:
    """What the page must show for the parts of the address that it has written; names as `observed` reads them."""
    shown: Shown = {"select:Dataset": query["dataset"]} if "dataset" in query else {}
    pages = {"explore": _explore, "evaluate": _evaluate, "clean": _clean, "train": _train, "augment": _augment, "runs": _runs,
             "predict": _predict}  # fmt: skip
    if page in pages and "dataset" in query:
        shown |= dict(pages[page](query))
    return shown


def _explore(query: Query) -> Iterator[tuple[str, object]]:
    data = load_dataset(query["dataset"])
    wanted, _ = Filter.from_text(query.get("filter", ""))
    if wanted.run and "run" in query:
        wanted = replace(wanted, run=query["run"])
    yield "tab:", EXPLORE[query.get("question", "there")][0]
    if "question" in query and query["question"] == "there" and "balance" in query:
        yield "radio:Classes by split", query["balance"]
    yield "select:Sort by", ORDERS[query.get("order", "mixed")]
    yield "radio:Size", query.get("size", "M")
    if "area" in query:
        return
    n = data.catalog.count(wanted)
    if wanted == Filter():
        yield rf"says:{n:,} images in {len(data.classes):,} classes", f"{n:,} images in {len(data.classes):,} classes"
    else:
        sentence = f"{n:,} of {data.catalog.count(Filter(state=wanted.state)):,} images match"
        yield r"says:[\d,]+ of [\d,]+ images match", sentence
    yield "chips:", [chip.label for chip in chips(wanted)]
    by = query.get("order", "mixed")
    order = Order("id" if by == "mixed" else by.removesuffix("-"), by.endswith("-"))
    yield "tiles:explore", page_ids(data.catalog.view(wanted), int(query.get("page", 1)), order) if n else []


def _evaluate(query: Query) -> Iterator[tuple[str, object]]:
    yield "tab:", EVALUATE[query.get("ask", "errors")][0]
    if "split" in query:
        yield "radio:Split", query["split"]
    if query.get("ask", "errors") != "errors" or query.get("rows", "truth") != "truth" or query.get("columns", "this") != "this":
        return
    run = load_run(query["run"])
    table, classes = run.predictions(query.get("split", "test")).table, len(run.classes)
    chosen = CellSelection.from_text(query.get("cells", "")).limited_to(classes)
    for place, direction in enumerate(chosen.directions):
        mask = direction.mask(classes)
        rows = table[mask[table["true"], table["predicted"]]]
        page = int(query.get("cell_page" if place == 0 else "page_back", 1))
        yield f"tiles:cell-{place}", _page(rows, query.get("sort", "loss"), page)


def _page(rows: pd.DataFrame, order: str, page: int) -> list[int]:
    column, ascending = SORTS[order]
    rows = rows.sort_values(column, ascending=ascending, kind="stable")
    return rows["image_id"].iloc[page_slice(page, len(rows), CELL_PAGE)].tolist()


def _clean(query: Query) -> Iterator[tuple[str, object]]:
    question = query.get("clean", "one")
    yield "radio:View", CLEAN[question][0]
    if question != "one" or "finding" not in query:
        return
    data = load_dataset(query["dataset"])
    audit = audit_of(data)
    part = build_queue(data, [*(audit.all_findings if audit else ()), *acquisition.load_selection(data)]).parts.get(query["kind"])
    if part is None:
        return  # another dataset, with nothing of this kind
    current = next((finding for finding in part.open if finding.id == query["finding"]), None)
    if current is None:
        return  # one of those that were put off
    place = [finding.id for finding in part.open].index(current.id)
    yield r"says:[\d,]+ of [\d,]+(?=\s+Previous|\n)", f"{place + 1:,} of {len(part.open):,}"
    yield "picture:", current.images[0]


def _train(query: Query) -> Iterator[tuple[str, object]]:
    if query.get("show") == "run" or "preset" not in query or "like" in query:
        return
    preset = query["preset"]
    yield "radio:Preset", preset
    base = configure(query["dataset"], preset)
    changes, _ = from_text(query.get(f"set-{preset}", ""))
    for name in ("epochs", "image_size", "batch_size"):
        if configure(query["dataset"], preset, **changes).method != "finetune" and name != "image_size":
            continue
        value, before = changes.get(name, getattr(base, name)), getattr(base, name)
        label = name.replace("_", " ") + (f" ({preset}: {before})" if value != before else "")
        if fields()[name].metadata["group"] != "Data":
            yield f"input:{label}", str(value)


def _augment(query: Query) -> Iterator[tuple[str, object]]:
    if "pipeline" not in query:
        return
    steps = pipelines.parse_pipeline(query["pipeline"]).steps
    yield "toggles:", [[step.kind.label, step.probability > 0] for step in steps]
    if "seed" in query:
        yield r"says:samples, seed \d+", f"samples, seed {query['seed']}"


def _runs(query: Query) -> Iterator[tuple[str, object]]:
    yield "input:Search", query.get("find", "")


def _predict(query: Query) -> Iterator[tuple[str, object]]:
    if "top" in query and "batch" in query:
        yield "select:Classes", query["top"] if query["top"] == "all" else f"top {query['top']}"


def difference(page: str, query: Query, seen: Shown, wanted: Shown) -> str:
    """What does not agree, in words; empty where all does."""
    lines = [
        f"  {name}: shows {_short(seen[name])}, must show {_short(value)}"
        for name, value in wanted.items()
        if not _same(name, seen[name], value)
    ]
    return "\n".join([f"{page} {dict(query)}", *lines]) if lines else ""


def _same(name: str, seen: object, value: object) -> bool:
    if seen == "(being edited)":  # letters in a select box that were not chosen yet
        return True
    if name == "toggles:":  # the page has other switches besides the steps'
        rest = iter(seen)
        return all(step in rest for step in value)
    if name.startswith("input:") and isinstance(seen, str) and re.fullmatch(r"[\d,.]+", seen):
        return seen.replace(",", "") == value
    return seen == value


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) < 200 else f"{text[:200]}..."
