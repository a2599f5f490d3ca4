"""Every sentence about the pact that people read, in one place. Data only.

Not here: which of them is said (`messages`, `console.pact`).
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

PROMISES: Mapping[str, str] = {
    "heading": "Agreement between marketing and sales, version {version}",
    "agreed": "Agreed on {agreed_on} by {names}. To be re-evaluated on {re_evaluate_on}.",
    "marketing": "Marketing promises",
    "sales": "Sales promises",
    "how": "How time is counted",
    "volume": "To hand over at least {leads} leads at the stage {stage} in each {per}, worth {value} together.",
    "volume_unknown": "To hand over enough leads at the stage {stage} in each {per}; how many cannot be told yet.",
    "derived": "How this is derived",
    "revenue": "Sales must bring in {revenue} in each {per}.",
    "deal": "A won deal brings {deal} ({basis}): {won} deals.",
    "deal_unknown": "What a won deal brings is to be measured, and no deal has been won yet.",
    "step": "{rate} of {before} become {stage} ({basis}): {needed} at {before}.",
    "step_unknown": "How many of {before} become {stage} is to be measured, and nobody has come to {before} yet.",
    "agreed_basis": "agreed",
    "measured_rate": "measured over {months} months, of {of}",
    "measured_deal": "measured over {months} months, of {of} deals",
    "quality": "At least {share} of the leads that sales decides upon are accepted ({accept}).",
    "completeness": "At least {share} of the leads are handed over with {fields}.",
    "first_response": "From {stage} on, a first response ({types}) in time:",
    "segment": "{name}: within {within} of business time{when}",
    "when": ", where {condition}",
    "otherwise": ", all others",
    "attempts": "From {stage} on, at least {count} attempts ({types}) before a lead is given up{least}{most}.",
    "apart_least": ", at least {time} apart",
    "apart_most": ", the next one within {time}",
    "decision": "From {stage} on, to accept ({accept}) or reject within {within} of business time{reason}.",
    "reason": "; a rejection has a reason",
    "follow_up": "From {stage} until {until}, never more than {days} business days without {types}.",
    "calendar": "{name}: {zone}; {hours}{holidays}{regions}",
    "holidays": "; public holidays of {place} are free",
    "regions": "; for {by} {regions}",
    "pauses": "Clocks stand still while the owner is away, and while a lead is {stages}.",
    "signature": "{team}: {name}",
}

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
