"""The Evaluate page: a question a tab, each answered from the same prediction table."""
