# make run    opens the dashboard        make test   runs all tests
# make install, make browser             are their first steps alone
# make check  style, types and the fast tests, in under two minutes
# make check-js  types and style of the components' scripts (needs Node 20; the app itself does not)
# make monkey    300 random clicks, keys and steps back on every page in a real browser
# make measure   the times that a person waits for, in a real browser
# make measure-memory   what a server holds while 20 sessions walk through its pages for 30 minutes
.PHONY: run test test-python test-browser check check-js monkey measure measure-memory install install-dev browser lint clean

# The first interpreter from 3.11 to 3.13; PYTHON=... names another.
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null && echo $$p && break; done)
BIN = .venv/bin
# Tests that start no process, train nothing and open no page.
FAST = tests/architecture tests/app tests/charts tests/engine/core tests/engine/evaluation

run: install
	$(BIN)/streamlit run

test: install-dev browser
	$(BIN)/ruff check .
	$(BIN)/pyrefly check
	$(MAKE) -j 2 test-python test-browser

# The tests in a browser mostly wait, so they run beside the others; a server of their own serves all of them.
test-python:
	$(BIN)/python -m pytest -n 2 --dist loadfile --ignore tests/browser

test-browser:
	$(BIN)/python -m pytest tests/browser

check: install-dev check-js
	$(BIN)/ruff check .
	$(BIN)/pyrefly check
	$(BIN)/python -m pytest -n 2 --dist loadfile $(FAST)

monkey: install-dev browser
	SCENESCOPE_MONKEY_STEPS=300 $(BIN)/python -m pytest tests/browser/test_monkey.py

measure: install-dev browser
	$(BIN)/python tests/browser/measure.py
	$(BIN)/python tests/browser/measure_evaluate.py

measure-memory: install-dev
	$(BIN)/python tests/http/measure_memory.py

install: .venv/.installed

install-dev: .venv/.installed-dev

browser:
	@sh tests/browser/get_browser.sh

lint: install-dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

check-js:
	@if command -v npm >/dev/null; then \
		{ test node_modules/.package-lock.json -nt package-lock.json || npm ci --silent; } && npm run --silent check; \
	else echo "The scripts were not checked: Node is missing (https://nodejs.org)."; fi

clean:
	rm -rf node_modules .venv .pytest_cache .ruff_cache cache

.venv/bin/python:
	@test -n "$(PYTHON)" || { echo "Scenescope needs Python 3.11, 3.12 or 3.13; none was found. Name one: make PYTHON=/path/to/python" >&2; exit 1; }
	$(PYTHON) -m venv .venv

.venv/.installed: requirements.txt | .venv/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@

.venv/.installed-dev: requirements.txt requirements-dev.txt | .venv/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch .venv/.installed $@
