"""What alerts and the terminal say about the pact. Data only.

Not here: which of them is said (`messages`, `console.pact`); the pact itself in words, which is in the visitor's language
(`alignment.locale`, `pact.yaml`).
"""

from __future__ import annotations

from collections.abc import Mapping

CLAUSES: Mapping[str, str] = {
    "first_response": "first response",
    "decision": "accept or reject",
    "attempts": "attempts",
    "follow_up": "follow-up",
}

NOTES: Mapping[str, str] = {
    "accepted": "accepted",
    "rejected": "rejected",
    "no_reason": "rejected without a reason",
    "given_up_after": "given up after {count} of the attempts",
    "merged": "the lead proved to be another",
    "history_changed": "its start proved to be none",
}

TITLES: Mapping[str, str] = {
    "reminder": "{lead}: {clause} due {due}",
    "breach": "{lead}: {clause} is overdue since {due}",
    "breach_failed": "{lead}: {note}",
    "manager": "{lead}: {clause} is overdue since {due} ({owner})",
    "manager_failed": "{lead}: {note} ({owner})",
}

LINES: Mapping[str, str] = {
    "reminder": "{passed} of {allowed} business time have passed.",
    "reminder_untold": "The time is running.",
    "breach": "The pact allows {allowed} of business time; {passed} have passed.",
    "failed": "The pact has been broken: {note}.",
    "owner": "Owner: {owner}",
    "started": "Since {started}",
    "segment": "Segment: {segment}",
    "lead": "All about it: smarketing explain {hub_id}",
}

NOBODY = "nobody"
NAMELESS = "A lead without a name"
SOME_CLAUSE = "the pact"

STATUS: Mapping[str, str] = {
    "review_soon": "The pact is to be re-evaluated on {day}, in {days} days.",
    "review_today": "The pact is to be re-evaluated today.",
    "review_late": "The pact was to be re-evaluated on {day}, {days} days ago.",
    "no_owner_channel": "{count} alerts went nowhere: nobody has said where the owner or the team can be reached.",
    "unknown": "{count} alerts were being sent when the process died; nobody knows whether they arrived.",
    "failed": "{count} alerts could not be sent yet, and are tried again.",
    "given_up": "{count} alerts could not be sent, and are not tried again.",
    "left_future": "{count} events lie in the future and were left out.",
    "left_undated": "{count} events have no time and were left out.",
    "left_unmatched": "{count} leads fit no segment, and no clock runs for their first response.",
    "stale": "{count} alerts came too late to be sent.",
    "no_tick": "No clock has been looked at yet:  smarketing sla tick",
}
