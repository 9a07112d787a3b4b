"""What people and programs read: plans, reports and listings as text or as JSON values. Pure functions.

`painter` colours and aligns; `changes` words what differs; `plan_text` and `report` show a pass; `listings` show what
is recorded; `problems` shows what is wrong; `schema` describes the JSON plan. No secret reaches this package: records
carry fingerprints, and the one listing that may show a secret is handed it explicitly.
"""
