"""The audit log by the API: for admins, paged, of their scope."""

from __future__ import annotations

import httpx
import pytest

from core.access import ANONYMOUS, Role
from core.store import Store
from tests.api import tower

pytestmark = pytest.mark.integration


def test_the_audit_log_is_for_admins(client: httpx.Client, registered: Store) -> None:
    for number in range(5):
        registered.access.log(ANONYMOUS, "read", tower.ID if number % 2 else "", "denied", number=number)

    def ask(role: Role, scope: str, **parameters: object) -> httpx.Response:
        key = registered.access.add_key(role, role, [scope], made_by="test")[1]
        return client.get("/api/v1/audit", params=parameters, headers={"X-API-Key": key})  # type: ignore[arg-type]

    first = ask("admin", "*", limit=2).json()
    assert [one["detail"]["number"] for one in first["lines"]] == [4, 3]
    second = ask("admin", "*", limit=2, before=first["before"]).json()
    assert [one["detail"]["number"] for one in second["lines"]] == [2, 1]
    own = ask("admin", tower.ID, station=tower.ID).json()["lines"]
    assert [one["detail"]["number"] for one in own] == [3, 1]
    assert client.get("/api/v1/audit").status_code == 401
    assert ask("reviewer", "*").status_code == 403
    assert ask("admin", tower.ID).status_code == 403
    assert ask("admin", "cn-other", station=tower.ID).status_code == 403
    newest = registered.access.read_audit(limit=1)[0]
    assert (newest.outcome, newest.detail) == ("denied", {"what": "audit"})
