"""The workflow engine behind a few names: workflows, steps, waits, and what may be done to them. Only here is dbos.

A workflow is known by an operation's id, or by that id with a dot and a word for what else is done for the operation;
its argument is the operation's id and nothing else. Its name and its steps' names are stored: they never change.
"""

from app.durable.commands import State as State
from app.durable.commands import cancel as cancel
from app.durable.commands import enqueue as enqueue
from app.durable.commands import find_retry_point as find_retry_point
from app.durable.commands import forget as forget
from app.durable.commands import list_states as list_states
from app.durable.commands import list_waits as list_waits
from app.durable.commands import rewind as rewind
from app.durable.engine import connect as connect
from app.durable.engine import disconnect as disconnect
from app.durable.engine import launch as launch
from app.durable.engine import migrate as migrate
from app.durable.engine import shutdown as shutdown
from app.durable.engine import take_over as take_over
from app.durable.steps import Failed as Failed
from app.durable.steps import Told as Told
from app.durable.steps import Waiting as Waiting
from app.durable.steps import is_last_try as is_last_try
from app.durable.steps import is_new as is_new
from app.durable.steps import listen as listen
from app.durable.steps import step as step
from app.durable.steps import wait as wait
from app.durable.steps import workflow as workflow
