"""Clean: which labels are wrong?"""

from dashboard import cached, url
from dashboard.clean.kinds import findings
from dashboard.clean.questions import choose_question
from dashboard.clean.state import audit_age, audit_state
from dashboard.clean.subject import Subject
from dashboard.header import header, need_dataset
from engine.audit import found
from engine.labels.edits import known_classes, log

context = header("Which labels are wrong?", usable=True)
data = need_dataset(context)
of = Subject(data, found(data), context.run, known_classes(data), cached.colours(data))
audit_state(of)
any_findings = of.audit is not None or bool(findings(of))
if any_findings or log(data).entries or url.recall("clean") in ("helped", "decided"):
    choose_question(any_findings)[1](of)
audit_age(of)
