"""Clean: which labels are wrong?"""

from dashboard import cache
from dashboard.app.parameters import REVIEW
from dashboard.clean.audit_status import audit_age, audit_state
from dashboard.clean.issue_kinds import findings
from dashboard.clean.review import Review
from dashboard.clean.tabs import choose_tab
from dashboard.components.page_header import page_header, require_dataset
from engine.curation import load_audit
from engine.data.labels.edits import known_classes, open_log

context = page_header("Which labels are wrong?", needs_model=True)
data = require_dataset(context)
review = Review(data, audit=load_audit(data), run=context.run, classes=known_classes(data), colours=cache.colours(data))
audit_state(review)
any_findings = review.audit is not None or bool(findings(review))
if any_findings or open_log(data).entries or REVIEW.read() in ("helped", "decided"):
    panel = choose_tab(any_findings)
    panel(review)
audit_age(review)
