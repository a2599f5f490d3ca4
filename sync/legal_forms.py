"""A company's name without its legal form: "ACME Widgets, Inc." and "Acme Widgets GmbH" are asked about together. Pure.

Only for finding what is likely: names are proposals, never proof. What is left after a name's last legal form is kept,
and so is a name that consists of nothing else.
"""

from __future__ import annotations

import re

_FORMS = """
ab ag aktiengesellschaft aps as asa bhd bv bvba co company corp corporation cv cvba doo ead eg eirl ek eood eurl ev
gbr gesmbh gmbh inc incorporated kft kg kgaa kk kommanditgesellschaft ks lda limited limitada limitee llc llp lp ltd
ltda mbh nv nyrt ohg ood oy oyj pbc pc plc pllc plt pte pty pvt sa sab sae sal sarl sas sasu scrl sdn se sl slu snc
spa spj spolka spzoo sprl srl sro ug unlimited uab vof zoo zrt
"""
"""Without their points: S.L. is sl. https://en.wikipedia.org/wiki/List_of_legal_entity_types_by_country"""

_KNOWN = frozenset(_FORMS.split())
_PHRASES = (
    ("sp", "z", "oo"),
    ("sp", "z", "o", "o"),
    ("s", "a", "de", "c", "v"),
    ("sa", "de", "cv"),
    ("gmbh", "and", "co"),
    ("haftungsbeschrankt",),
)
_POINTED = re.compile(r"\b(?:\w\.\s?){2,}|\b\w/\w\b")
_APART = re.compile(r"[^\w&+]+")


def without_legal_form(folded: str) -> str:
    """Of a name that is folded already (small letters, no accents)."""
    joined = _POINTED.sub(lambda found: re.sub(r"[\W]", "", found[0]) + " ", folded)
    words = _APART.sub(" ", joined.replace("&", " and ").replace("+", " and ")).split()
    while len(words) > 1:
        phrase = next((p for p in _PHRASES if len(words) > len(p) and tuple(words[-len(p) :]) == p), None)
        if phrase:
            words = words[: -len(phrase)]
        elif words[-1] in _KNOWN or words[-1] == "and":
            words.pop()
        else:
            break
    return " ".join(words) or folded
