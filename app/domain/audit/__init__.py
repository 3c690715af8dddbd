"""Who did what to which thing, and is the trail of it still what was sealed? One module for each side of that."""

from app.domain.audit.events import event as event
from app.domain.audit.events import list_page as list_page
from app.domain.audit.events import record_refusal as record_refusal
from app.domain.audit.readings import export as export
from app.domain.audit.readings import verify as verify
