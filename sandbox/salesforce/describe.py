"""What the API tells of its objects and fields: the describe calls.

https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/resources_sobject_describe.htm
"""

from __future__ import annotations

from typing import Any

from sandbox.salesforce.schema import Field, SObject
from sandbox.salesforce.table import Table

_SOAP = {
    "id": "tns:ID", "reference": "tns:ID", "boolean": "xsd:boolean", "double": "xsd:double", "currency": "xsd:double",
    "percent": "xsd:double", "int": "xsd:int", "date": "xsd:date", "datetime": "xsd:dateTime",
}  # fmt: skip


def describe_field(field: Field) -> dict[str, Any]:
    return {
        "aggregatable": field.filterable,
        "autoNumber": False,
        "byteLength": field.length * 3,
        "calculated": False,
        "calculatedFormula": None,
        "caseSensitive": field.case_sensitive,
        "compoundFieldName": "Name" if field.name in ("FirstName", "LastName", "Salutation") else None,
        "createable": field.createable,
        "custom": field.custom,
        "defaultValue": field.default if field.default != "<me>" else None,
        "defaultedOnCreate": field.default is not None or (not field.nillable and not field.createable),
        "deprecatedAndHidden": False,
        "digits": field.precision if field.type == "int" else 0,
        "externalId": field.external_id,
        "extraTypeInfo": "plaintextarea" if field.type == "textarea" else None,
        "filterable": field.filterable,
        "groupable": field.filterable,
        "htmlFormatted": False,
        "idLookup": field.id_lookup,
        "inlineHelpText": None,
        "label": field.label,
        "length": field.length,
        "name": field.name,
        "nameField": field.name == "Name",
        "nillable": field.nillable,
        "permissionable": field.nillable and field.createable,
        "picklistValues": [
            {"active": True, "defaultValue": value == field.default, "label": value, "validFor": None, "value": value}
            for value in field.values
        ],
        "precision": field.precision if field.type != "int" else 0,
        "referenceTo": list(field.targets),
        "relationshipName": field.relationship or None,
        "restrictedPicklist": field.restricted,
        "scale": field.scale,
        "soapType": _SOAP.get(field.type, "xsd:string"),
        "sortable": field.filterable,
        "type": field.type,
        "unique": field.unique,
        "updateable": field.updateable,
    }


def describe_object(sobject: SObject, base: str) -> dict[str, Any]:
    """The short form, as in the list of all objects. `base`: /services/data/vXX.0."""
    url = f"{base}/sobjects/{sobject.name}"
    mergeable = any(f.name == "MasterRecordId" for f in sobject.fields)
    return {
        "activateable": False,
        "createable": not sobject.setup or sobject.name == "FieldPermissions",
        "custom": False,
        "customSetting": False,
        "deletable": not sobject.setup,
        "deprecatedAndHidden": False,
        "feedEnabled": False,
        "hasSubtypes": False,
        "isSubtype": False,
        "keyPrefix": sobject.prefix,
        "label": sobject.name,
        "labelPlural": sobject.plural or sobject.name + "s",
        "layoutable": not sobject.setup,
        "mergeable": mergeable,
        "mruEnabled": not sobject.setup,
        "name": sobject.name,
        "queryable": True,
        "replicateable": not sobject.setup,
        "retrieveable": True,
        "searchable": not sobject.setup,
        "triggerable": not sobject.setup,
        "undeletable": not sobject.setup,
        "updateable": not sobject.setup,
        "urls": {
            "describe": f"{url}/describe",
            "rowTemplate": f"{url}/{{ID}}",
            "sobject": url,
        },
    }


def describe_table(table: Table, base: str) -> dict[str, Any]:
    return {
        **describe_object(table.sobject, base),
        "childRelationships": [],
        "fields": [describe_field(field) for field in table.visible.values()],
        "recordTypeInfos": [],
    }
