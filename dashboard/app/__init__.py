"""What every page is built on: URL state, formatting, tabs, the error page, browser history."""
