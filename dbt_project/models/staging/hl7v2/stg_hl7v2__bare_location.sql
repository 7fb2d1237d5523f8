{{ config(materialized='table', database='scratch') }}
-- Grain: one row per unit that messages of a sender name without its facility (PL.4), with the facility that
-- is meant: the only one that the same interface states for that unit, else the only one that any source
-- does. A sender that is a facility itself means its own, and one that nobody else decides stays the
-- sender's.
{% set fields = [
    (source('lake', 'hl7v2__pv1'), 'location'),
    (source('lake', 'hl7v2__pv1'), 'pending_location'),
    (source('lake', 'hl7v2__pv1'), 'temporary_location'),
    (source('lake', 'hl7v2__npu'), 'location'),
    (source('lake', 'hl7v2__ail'), 'location'),
    (source('lake', 'hl7v2__mfe'), 'location'),
] %}
with stated as (
    {% for relation, name in fields %}
    select distinct
        m.source_system,
        m.sender,
        {{ held('s.' ~ name ~ '_unit') }} as unit,
        {{ held('s.' ~ name ~ '_facility') }} as facility
    from {{ ref('stg_hl7v2__message') }} as m
    inner join {{ relation }} as s on {{ same_message('m', 's') }}
    where {{ held('s.' ~ name ~ '_unit') }} is not null
    union
    {% endfor %}
    select distinct
        source_system,
        source_system as sender,
        location_code as unit,
        facility
    from {{ ref('stg_fhir__location') }}
    -- One that no authority assigned has its source in the place of one.
    where is_current and facility <> source_system
),

counted as (
    select
        bare.source_system,
        bare.sender,
        bare.unit,
        count(distinct case when s.source_system = bare.source_system then s.facility end) as own_count,
        min(case when s.source_system = bare.source_system then s.facility end) as own_facility,
        count(distinct s.facility) as any_count,
        min(s.facility) as any_facility
    from stated as bare
    inner join stated as s
        on s.unit = bare.unit and s.facility is not null
    where
        bare.facility is null
        and bare.sender not in (
            select facility
            from stated
            where facility is not null
        )
    group by bare.source_system, bare.sender, bare.unit
)

select
    source_system,
    sender,
    unit,
    case when own_count = 1 then own_facility else any_facility end as facility
from counted
where own_count = 1 or (own_count = 0 and any_count = 1)
