"""Who undoes what the responder does, as fast as IAM's delay lets them.

setting "attacker": {"user": "mallory", "times": 3, "every_ms": 50}; times -1
is for ever, null for nobody.  It acts with the user's first active key, and
only while a front end still lets that key: deletes the inline policies of its
user that deny, detaches nothing else.
"""

import time


def _denies(document):
    statements = document.get("Statement", [])
    if isinstance(statements, dict):
        statements = [statements]
    return any(s.get("Effect") == "Deny" for s in statements)


def _key(world, user):
    for key in world.keys.values():
        if key.user == user and world.key_seen(key) == "Active":
            return key.id
    return None


def act(world, journal):
    """One try. Returns the policy that it took away, or None."""
    plan = world.settings["attacker"]
    user = world.users.get(plan["user"]) if plan else None
    if user is None or not plan.get("times", -1):
        return None
    for name, document in list(user.policies.items()):
        key = _key(world, user.name)
        if not _denies(document) or key is None:
            continue
        caller = world.caller(key, "192.0.2.66")
        if not world.decide(caller, "iam:DeleteUserPolicy",
                            world.arn_of(user)).allowed:
            continue
        del user.policies[name]
        world.policy_changed(user)
        if plan.get("times", -1) > 0:
            plan["times"] -= 1
        journal.call(kind="attacker", service="iam", mutating=False,
                     operation="DeleteUserPolicy", principal=caller.arn,
                     params={"PolicyName": name})
        return name
    return None


def run(world, journal):
    while True:
        plan = world.settings["attacker"]
        time.sleep((plan or {}).get("every_ms", 50) / 1000)
        if plan:
            with world.lock:
                act(world, journal)
