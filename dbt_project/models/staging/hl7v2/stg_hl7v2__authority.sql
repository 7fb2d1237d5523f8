{{ config(materialized='table', database='scratch') }}
-- Grain: one row per name of an assigning authority (namespace, OID or URI), with the authority meant.
-- What a field states together (CX-4.1 with CX-4.2) is one authority, where the namespace is stated with
-- no other OID and the OID with no other namespace; else each name stands for itself. A seed comes first.
{% set fields = [
    (source('lake', 'hl7v2__pid_identifier'), 'assigning_authority'),
    (source('lake', 'hl7v2__mrg_identifier'), 'assigning_authority'),
    (source('lake', 'hl7v2__pid'), 'external_authority'),
    (source('lake', 'hl7v2__pid'), 'alternate_authority'),
    (source('lake', 'hl7v2__pid'), 'account_authority'),
    (source('lake', 'hl7v2__pv1'), 'visit_authority'),
    (source('lake', 'hl7v2__sch'), 'placer_authority'),
    (source('lake', 'hl7v2__sch'), 'filler_authority'),
    (source('lake', 'hl7v2__orc'), 'placer_authority'),
    (source('lake', 'hl7v2__orc'), 'filler_authority'),
    (source('lake', 'hl7v2__obr'), 'placer_authority'),
    (source('lake', 'hl7v2__obr'), 'filler_authority'),
    (source('lake', 'hl7v2__sch'), 'placer_order_authority'),
    (source('lake', 'hl7v2__sch'), 'filler_order_authority'),
    (source('lake', 'hl7v2__pv1'), 'alternate_visit_authority'),
    (source('lake', 'hl7v2__pv1'), 'preadmit_authority'),
    (source('lake', 'hl7v2__mrg'), 'prior_visit_authority'),
    (source('lake', 'hl7v2__mrg'), 'prior_account_authority'),
    (source('lake', 'hl7v2__rf1'), 'originating_authority'),
    (source('lake', 'hl7v2__rf1'), 'external_authority'),
] %}
with stated_names as (
    {% for table, namespace in fields %}
    {% set universal_id = namespace ~ '_universal_id' %}
    select
        {{ authority_text(namespace) }} as namespace,
        {{ authority_text(universal_id) }} as universal_id
    from {{ table }}
    where {{ universal_id }} is not null
    {{ "union" if not loop.last }}
    {% endfor %}
),

seeded_names as (
    select
        alias,
        authority
    from {{ ref('authority_alias') }}
    union
    select
        {{ authority_text('system') }} as alias,
        authority
    from {{ ref('identifier_system') }}
),

seeded as (
    select
        alias,
        min(authority) as authority
    from seeded_names
    group by alias
),

counted as (
    select
        namespace,
        universal_id,
        count(*) over (partition by namespace) as universal_ids,
        count(*) over (partition by universal_id) as namespaces
    from stated_names
    where namespace is not null and universal_id is not null
),

learned as (
    select
        c.universal_id as alias,
        coalesce(n.authority, c.namespace) as authority
    from counted as c
    left join seeded as n on n.alias = c.namespace
    where c.universal_ids = 1 and c.namespaces = 1
    union all
    -- An OID that the seed knows names the authority of the namespace beside it.
    select
        c.namespace as alias,
        u.authority
    from counted as c
    inner join seeded as u on u.alias = c.universal_id
    where c.universal_ids = 1 and c.namespaces = 1
    union all
    -- Stated with several names: it stands for itself, and a field with both means the OID.
    select distinct
        universal_id as alias,
        universal_id as authority
    from counted
    where universal_ids > 1 or namespaces > 1
)

select
    alias,
    authority
from seeded
union all
select
    l.alias,
    l.authority
from learned as l
left join seeded as s on s.alias = l.alias
where s.alias is null
