"""Evaluate: where does it err?"""

from dashboard import cached
from dashboard.evaluate.questions import choose_question
from dashboard.evaluate.scored import scored, verdict
from dashboard.header import header, need_run
from dashboard.touch import native_touch

context = header("Where does it err?", usable=True)
answers = scored(need_run(context))
cached.warm_up()
verdict(answers)
choose_question()(answers)
native_touch()
