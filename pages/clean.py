"""Clean: which labels are wrong?"""

from dashboard import cached
from dashboard.clean.kinds import findings
from dashboard.clean.questions import choose_question
from dashboard.clean.state import audit_age, audit_state
from dashboard.clean.subject import Subject
from dashboard.header import header, need_dataset
from engine.audit import found
from engine.labels.edits import known_classes

context = header("Which labels are wrong?", usable=True)
data = need_dataset(context)
of = Subject(data, found(data), context.run, known_classes(data), cached.colours(data))
audit_state(of)
key, panel = choose_question()
if of.audit is not None or findings(of) or key in ("helped", "decided"):
    panel(of)
audit_age(of)
