"""The vocabulary in words: conditions as sentences in three languages, and a glossary that says all that the files say."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alignment.criteria import described
from alignment.glossary import glossary, markdown
from alignment.words import Words, languages
from console.folders import SYSTEMS, make
from mapping.conditions import Condition, leaves
from mapping.config import HubField
from mapping.derived import lifecycle_of
from mapping.loader import Project, load_project

FIELDS = {
    "forms": HubField.model_validate({"type": "integer", "happened": {"count": ["form"], "days": 30}}),
    "touches": HubField.model_validate({"type": "integer", "happened": {"count": []}}),
    "last_talk": HubField.model_validate({"type": "datetime", "happened": {"latest": ["call", "meeting"], "days": 90}}),
    "open_deals": HubField.model_validate({"type": "integer", "rollup": {"count": "deals", "via": "contacts"}}),
    "shoe_size": HubField(type="integer"),
    "plan": HubField(label="Chosen plan"),
    "start": HubField(type="date"),
}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    folder = tmp_path_factory.mktemp("glossary") / "project"
    make(folder, {"hubspot": SYSTEMS["hubspot"], "salesforce": SYSTEMS["salesforce"]})
    return load_project(folder)


@pytest.mark.parametrize(
    ("condition", "told"),
    [
        ({"score": {"at_least": 60}}, ("score of 60 or more", "puntuación de 60 o más", "pontuação de 60 ou mais")),
        (
            {"forms": {"at_least": 1}},
            (
                "form submitted in the last 30 days", "formulario enviado en los últimos 30 días",
                "formulário enviado nos últimos 30 dias",
            ),
        ),
        (
            {"forms": {"at_least": 2}},
            (
                "form submitted in the last 30 days: 2 or more", "formulario enviado en los últimos 30 días: 2 o más",
                "formulário enviado nos últimos 30 dias: 2 ou mais",
            ),
        ),
        ({"touches": {"at_most": 3}}, ("activities: 3 or fewer", "actividades: 3 o menos", "atividades: 3 ou menos")),
        (
            {"last_talk": {"present": True}},
            (
                "has last call or meeting in the last 90 days", "tiene último: llamada o reunión en los últimos 90 días",
                "tem último: ligação ou reunião nos últimos 90 dias",
            ),
        ),
        ({"open_deals": 0}, ("open deals: none", "negocios abiertos: ninguno", "negócios abertos: nenhum")),
        (
            {"employees": {"at_least": 1000, "at_most": 50000.5}},
            (
                "number of employees of 1,000 or more and number of employees of 50,000.5 or less",
                "número de empleados de 1.000 o más y número de empleados de 50.000,5 o menos",
                "número de funcionários de 1.000 ou mais e número de funcionários de 50.000,5 ou menos",
            ),
        ),
        (
            {"stage": {"at_least": "mql"}},
            ("mql or a later stage", "mql o una etapa posterior", "mql ou uma etapa posterior"),
        ),
        (
            {"start": {"at_least": "2026-03-01"}},
            ("start on Mar 1, 2026 or later", "start el 1 mar 2026 o después", "start em 1 de mar. de 2026 ou depois"),
        ),
        (
            {"country": ["FR", "BE"], "not": {"opted_out": True}},
            (
                "country is FR or BE and not (wants no e-mail: yes)", "país es FR o BE y no (no quiere correo: sí)",
                "país é FR ou BE e não (não quer e-mail: sim)",
            ),
        ),
        (
            {"email": {"present": False}, "any": [{"plan": "gold"}, {"shoe_size": {"contains": "4"}}]},
            (
                "no e-mail address and (Chosen plan is gold or shoe size with “4” in it)",
                "sin correo electrónico y (Chosen plan es gold o shoe size con «4»)",
                "sem e-mail e (Chosen plan é gold ou shoe size com “4”)",
            ),
        ),
    ],
)  # fmt: skip
def test_a_condition_reads_as_a_sentence(condition: dict[str, object], told: tuple[str, str, str]) -> None:
    made = Condition.model_validate(condition)
    assert tuple(described(made, FIELDS, Words(language)) for language in languages()) == told


TEST = st.one_of(
    st.fixed_dictionaries({"at_least": st.integers(101, 199)}),
    st.fixed_dictionaries({"at_most": st.integers(201, 299)}),
    st.fixed_dictionaries({"equals": st.integers(301, 399)}),
    st.fixed_dictionaries({"in": st.lists(st.integers(401, 499).map(str), min_size=1, max_size=3)}),
    st.fixed_dictionaries({"contains": st.integers(501, 599).map(str)}),
)
CONDITIONS = st.recursive(
    st.dictionaries(
        st.sampled_from(["score", "open_deals", "touches", "country", "plan"]), TEST, min_size=1, max_size=3
    ),
    lambda inner: st.one_of(
        st.fixed_dictionaries({"all": st.lists(inner, min_size=1, max_size=3)}),
        st.fixed_dictionaries({"any": st.lists(inner, min_size=1, max_size=3)}),
        st.fixed_dictionaries({"not": inner}),
    ),
    max_leaves=6,
)


@given(CONDITIONS, st.sampled_from(languages()))
def test_no_test_of_a_condition_is_left_out(condition: dict[str, object], language: str) -> None:
    made = Condition.model_validate(condition)
    told = described(made, FIELDS, Words(language))
    for _, _, test in leaves(made):
        for wanted in test.given().values():
            for one in wanted if isinstance(wanted, tuple) else (wanted,):
                assert str(one) in told


@pytest.mark.parametrize("language", languages())
def test_every_stage_has_its_entry_in_every_language(project: Project, language: str) -> None:
    told = glossary(project, language)
    cycle = lifecycle_of(project.config)
    assert [entry.stage for entry in told.entries] == list(cycle.stages)
    for entry in told.entries:
        assert entry.means, f"{entry.stage} means nothing in {language}"
        assert entry.entry or entry.kind == "side"
        for system, mapping in project.mappings.items():
            (called,) = [c for c in entry.called if c.system == system]
            assert mapping.stage is not None
            assert called.word == mapping.stage.values[entry.stage]
            assert set(called.also) == {s for s, w in mapping.stage.values.items() if w == called.word} - {entry.stage}
        assert set(entry.moves) == {s for s in cycle.stages if cycle.allowed(entry.stage, s)} - {entry.stage}
        assert [one.code for one in entry.reasons] == list(cycle.reasons.get(entry.stage, ()))
    others = {glossary(project, other).of("mql").means for other in languages()}  # type: ignore[union-attr]
    assert len(others) == 3


def test_what_is_only_read_is_told_of_the_stage_that_it_is_read_as(project: Project) -> None:
    entry = glossary(project).of("opportunity")
    assert entry is not None
    assert {c.system: c.reads for c in entry.called} == {"hubspot": (), "salesforce": ("Closed - Converted",)}
    assert entry.criteria == "open deals: 1 or more"


def test_the_page_has_an_anchor_for_every_stage(project: Project) -> None:
    for language in languages():
        page = markdown(glossary(project, language))
        for stage in lifecycle_of(project.config).stages:
            assert f"\n### {stage}\n" in page
    assert "puntuación de 50 o más" in markdown(glossary(project, "es"))


def test_one_text_serves_all_languages_and_a_missing_one_falls_back(tmp_path: Path) -> None:
    folder = tmp_path / "project"
    make(folder, {"hubspot": SYSTEMS["hubspot"]})
    main = folder / "smarketing.yaml"
    text = main.read_text().replace("languages: [en]", "languages: [pt, en]")
    text = text.replace("means: {en: Has bought, es: Ha comprado, pt: Comprou}", "means: Bought once")
    text = text.replace(
        "means: {en: A deal is open, es: Hay un negocio abierto, pt:", "means: {en: A deal is open, pt:"
    )
    text = text.replace("reasons:\n        competitor: {en: Bought from a competitor, es: Compró a un competidor, pt: Comprou a um concorrente}\n        price: {en: Price, es: Precio, pt: Preço}\n        no_decision: {en: No decision, es: Sin decisión, pt: Sem decisão}\n        no_response: {en: Does not answer, es: No responde, pt: Não responde}", "reasons: [price, no_decision]")  # fmt: skip
    main.write_text(text)
    project = load_project(folder)
    told = glossary(project)
    assert told.language == "pt"
    spanish = glossary(project, "es")
    assert spanish.of("customer").means == "Bought once"  # type: ignore[union-attr]
    assert spanish.of("opportunity").means == "Há um negócio em aberto"  # type: ignore[union-attr]
    assert [(r.code, r.words) for r in spanish.of("lost").reasons] == [  # type: ignore[union-attr]
        ("price", "price"), ("no_decision", "no decision"),
    ]  # fmt: skip
    with pytest.raises(LookupError):
        glossary(project, "fr")
