-- Grain: one row per identifier and patient that it was stated of; merges followed. An identifier that
-- identifies belongs to the one person that it leads to; any other to each person it was stated of.
with stated as (
    select
        case
            when i.is_identifying and not a.is_contested then a.own_patient_key else r.own_patient_key
        end as own_patient_key,
        i.identifier_authority,
        i.identifier_type,
        i.identifier_value,
        i.is_identifying and not coalesce(a.is_contested, false) as is_identifying,
        coalesce(a.is_contested or a.is_conflict, false) as is_in_conflict,
        i.is_placeholder,
        i.statement_order,
        i.source_system,
        i.source_ref,
        i.recorded_at
    from {{ ref('int__patient_identifier') }} as i
    inner join {{ ref('int__patient_record') }} as r on r.record_ref = i.record_ref and r.part = i.part
    left join {{ ref('int__patient_alias') }} as a
        on a.identifier_text = i.identifier_text and i.is_identifying
),

identifiers as (
    select
        i.*,
        coalesce(s.patient_key, i.own_patient_key) as patient_key,
        s.patient_key is not null as is_merged
    from stated as i
    left join {{ ref('int__patient_survivor') }} as s on s.own_patient_key = i.own_patient_key
)

select
    patient_key,
    identifier_authority,
    identifier_type,
    identifier_value,
    max(case when is_merged then 1 else 0 end) = 1 as is_merged,
    max(case when is_identifying then 1 else 0 end) = 1 as is_identifying,
    max(case when is_in_conflict then 1 else 0 end) = 1 as is_in_conflict,
    max(case when is_placeholder then 1 else 0 end) = 1 as is_placeholder,
    {{ latest_by('source_system', 'statement_order') }} as source_system,
    {{ latest_by('source_ref', 'statement_order') }} as source_ref,
    max(recorded_at) as recorded_at
from identifiers
group by patient_key, identifier_authority, identifier_type, identifier_value
