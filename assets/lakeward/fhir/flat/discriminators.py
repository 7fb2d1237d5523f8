"""What distinguishes the things that a source delivers under one id: table `fhir_discriminator`.

Some sources repeat an id without a version for different things (a published feed of open slots has
1,542 of them under 112 ids). A view names the path that distinguishes them; whether an id is shared
is decided in `fhir_version`.
"""

from collections.abc import Iterable

from lakeward.core.phi import Phi
from lakeward.fhir.flat.cross_type_tables import ORIGIN, CrossTypeTable, digest_of
from lakeward.lake.tables import Column, TableSpec
from lakeward.sqlonfhir.viewdefinition import Select, ViewColumn, ViewDefinition

DISCRIMINATOR = TableSpec(
    name="fhir_discriminator",
    description="What distinguishes things that share an id",
    grain="One row per stored version of a resource whose view names a discriminator",
    partition_by=("resource_type",),
    columns=(
        *ORIGIN,
        Column("discriminator", "VARCHAR", Phi.QI, "Value of the view's discriminator, as text"),
    ),
)


def discriminator_table(views: Iterable[ViewDefinition]) -> CrossTypeTable:
    """Build the table from the views that name a discriminator; of two for one type the first."""
    named: dict[str, ViewDefinition] = {}
    for view in views:
        if view.discriminator:
            named.setdefault(view.resource, _view(view.resource, view.discriminator))
    return CrossTypeTable(
        spec=DISCRIMINATOR,
        types=frozenset(named),
        view_of=named.get,
        select="select * from {rows} where discriminator is not null",
        digest=digest_of({kind: view.model_dump(mode="json") for kind, view in named.items()}),
    )


def _view(resource: str, path: str) -> ViewDefinition:
    column = ViewColumn(name="discriminator", path=path, type="string")
    name = f"discriminator of {resource}"
    return ViewDefinition(resource=resource, name=name, select=(Select(column=(column,)),))
