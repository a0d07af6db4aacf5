"""Who may read and do what: the decisions against a table written by hand and against a plain twin."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.access import (
    ACTIONS,
    ANONYMOUS,
    DATA_CLASSES,
    MAY,
    OPENNESS,
    ROLES,
    Action,
    DataClass,
    Policies,
    Policy,
    Principal,
    hash_secret,
    new_key,
)
from core.passwords import hash_password, is_password

NOW = datetime(2026, 7, 1, tzinfo=UTC)
LATER, EARLIER = NOW + timedelta(days=1), NOW - timedelta(days=1)
STATIONS = ("cn-a", "cn-b")
GROUPS = ("", "fujian", "zhejiang")


@pytest.mark.parametrize(
    ("policy", "principal", "allowed"),
    [
        (None, ANONYMOUS, True),
        (Policy("cn-a", "fluxes", "public"), ANONYMOUS, True),
        (Policy("cn-a", "fluxes", "private"), ANONYMOUS, False),
        (Policy("cn-a", "fluxes", "embargo", LATER), ANONYMOUS, False),
        (Policy("cn-a", "fluxes", "embargo", NOW), ANONYMOUS, True),
        (Policy("cn-a", "raw", "private"), ANONYMOUS, True),  # another class
        (Policy("cn-a", "station", "private"), ANONYMOUS, False),  # hides all classes
        (Policy("cn-a", "fluxes", "private"), Principal("k", "key", scope=frozenset({"cn-a"})), True),
        (Policy("cn-a", "fluxes", "private"), Principal("k", "key", scope=frozenset({"cn-b"})), False),
        (Policy("cn-a", "fluxes", "private"), Principal("k", "key", scope=frozenset({"*"})), True),
        (Policy("cn-a", "fluxes", "private", group="fj"), Principal("k", "key", scope=frozenset({"group:fj"})), True),
        (Policy("cn-a", "fluxes", "private"), Principal("k", "key", scope=frozenset({"group:"})), False),
        (
            Policy("cn-a", "fluxes", "private"),
            Principal("k", "key", scope=frozenset({"cn-a"}), data_classes=frozenset({"raw"})),
            False,
        ),
    ],
)
def test_reading(policy: Policy | None, principal: Principal, allowed: bool) -> None:
    policies = Policies.of([policy] if policy else [])
    assert policies.may_read(principal, "cn-a", "fluxes", NOW) is allowed


def test_roles_do_what_the_manual_says() -> None:
    assert MAY["viewer"] == {"read"}
    assert "review" in MAY["reviewer"]
    assert "review" not in MAY["scientist"] | MAY["engineer"]
    assert [role for role in ROLES if "administer" in MAY[role]] == ["admin"]
    assert MAY["admin"] == set(ACTIONS)


policies_drawn = st.lists(
    st.builds(
        lambda station, name, openness, until, group: Policy(
            station, name, openness, until if openness == "embargo" else None, group
        ),
        st.sampled_from(STATIONS),
        st.sampled_from(DATA_CLASSES),
        st.sampled_from(OPENNESS),
        st.sampled_from((EARLIER, LATER)),
        st.sampled_from(GROUPS),
    ),
    max_size=6,
)
principals_drawn = st.builds(
    lambda kind, role, scope, classes: ANONYMOUS if kind == "anonymous" else Principal("p", kind, role, scope, classes),
    st.sampled_from(("anonymous", "key", "user")),
    st.sampled_from(ROLES),
    st.frozensets(st.sampled_from((*STATIONS, "*", "group:fujian", "group:zhejiang")), max_size=3),
    st.frozensets(st.sampled_from(DATA_CLASSES)),
)


@given(policies_drawn, principals_drawn, st.sampled_from(STATIONS), st.sampled_from(DATA_CLASSES))
def test_decisions_are_those_of_a_plain_twin(
    policies: list[Policy], principal: Principal, station: str, data_class: DataClass
) -> None:
    def newest(name: str) -> Policy | None:
        found = [one for one in policies if (one.station, one.data_class) == (station, name)]
        return found[-1] if found else None

    def readable(name: str) -> bool:
        policy = newest(name)
        if policy is None or policy.openness == "public" or policy.until == EARLIER:
            return True
        inside = station in principal.scope or "*" in principal.scope
        inside |= policy.group != "" and "group:" + policy.group in principal.scope
        return inside and (name == "station" or name in principal.data_classes)

    expected = readable("station") and readable(data_class)
    assert Policies.of(policies).may_read(principal, station, data_class, NOW) is expected


@given(policies_drawn, principals_drawn, st.sampled_from(ACTIONS))
def test_nobody_in_particular_does_nothing_and_no_role_exceeds_its_actions(
    policies: list[Policy], principal: Principal, action: Action
) -> None:
    may = Policies.of(policies).may(principal, action, "cn-a")
    if principal.kind == "anonymous" or action not in MAY[principal.role]:
        assert not may
    if principal.kind != "anonymous" and {"*", "cn-a"} & principal.scope:
        assert may is (action in MAY[principal.role])


def test_keys_are_random_and_only_their_hash_is_comparable() -> None:
    keys = {new_key() for _ in range(1000)}
    assert len(keys) == 1000
    assert all(len(key) >= 46 for key in keys)
    assert len({hash_secret(key) for key in keys}) == 1000


def test_passwords() -> None:
    kept = hash_password("correct horse battery")
    assert "horse" not in kept
    assert is_password("correct horse battery", kept)
    assert not is_password("correct horse batterz", kept)
    assert not is_password("anything", None)
