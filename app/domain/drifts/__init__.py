"""What may differ between our promises and a workspace: one function a kind of drift, its remedies beside it.

The next kind of drift is one more `@drift` function in the module of its noun, and nothing else.
"""

from app.domain.drifts import catalogs as catalogs
from app.domain.drifts import copies as copies
from app.domain.drifts import credentials as credentials
from app.domain.drifts import endpoints as endpoints
from app.domain.drifts import owned_copies as owned_copies
from app.domain.drifts import readers as readers
from app.domain.drifts import shares as shares
from app.domain.drifts import writers as writers
from app.domain.drifts.kinds import ACCEPT as ACCEPT
from app.domain.drifts.kinds import KINDS as KINDS
from app.domain.drifts.kinds import PUT_BACK as PUT_BACK
from app.domain.drifts.kinds import Finding as Finding
from app.domain.drifts.kinds import Kind as Kind
from app.domain.drifts.kinds import Remedy as Remedy
from app.domain.drifts.looks import Look as Look
from app.domain.drifts.looks import Promises as Promises
from app.domain.drifts.looks import list_active as list_active
from app.domain.drifts.looks import promised as promised
from app.store.drifts import Drift as Drift
