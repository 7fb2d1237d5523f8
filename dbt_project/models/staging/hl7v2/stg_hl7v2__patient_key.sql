{{ config(materialized='table', database='scratch') }}
-- Grain: one row per patient named in a message (message, patient_group), under the key of its own
-- best identifier: a medical record number, else a patient identifier, else the first one given.
with ranked_identifiers as (
    select
        *,
        row_number() over (
            partition by source_system, received, message, patient_group
            order by case identifier_type when 'MR' then 0 when 'PI' then 1 else 2 end, repeat
        ) as identifier_rank
    from {{ ref('stg_hl7v2__patient_identifier') }}
)

select
    {{ hl7_origin('e') }},
    e.statement_order,
    e.recorded_at,
    e.event_type,
    e.effect,
    i.patient_group,
    {{ key('patient', [
        'i.identifier_authority', 'i.identifier_type', 'i.identifier_value'
    ]) }} as own_patient_key,
    i.identifier_authority as own_authority,
    i.identifier_type as own_type,
    i.identifier_value as own_value
from {{ ref('stg_hl7v2__event') }} as e
inner join ranked_identifiers as i
    on i.source_system = e.source_system
    and i.received = e.received
    and i.message = e.message
    and i.identifier_rank = 1
