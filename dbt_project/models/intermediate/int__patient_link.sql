-- Grain: one row per two patients whose records a message linked (A24), unless a later one took the
-- link back (A37). Linked records stay distinct.
with pairs as (
    select
        least(a.patient_key, b.patient_key) as one_patient_key,
        greatest(a.patient_key, b.patient_key) as other_patient_key,
        p.effect,
        p.statement_order
    from {{ ref('stg_hl7v2__patient_key') }} as p
    inner join {{ ref('int__message_patient') }} as a
        on a.source_system = p.source_system
        and a.received = p.received
        and a.message = p.message
        and a.patient_group = p.patient_group
    inner join {{ ref('int__message_patient') }} as b
        on b.source_system = p.source_system
        and b.received = p.received
        and b.message = p.message
        and b.patient_group = p.patient_group + 1
    where p.effect in ('link', 'unlink') and p.patient_group = 1 and a.patient_key <> b.patient_key
),

latest as (
    select
        one_patient_key,
        other_patient_key,
        {{ latest_by('effect', 'statement_order') }} as effect
    from pairs
    group by one_patient_key, other_patient_key
)

select one_patient_key as patient_key, other_patient_key as linked_patient_key from latest where effect = 'link'
union all
select other_patient_key as patient_key, one_patient_key as linked_patient_key from latest where effect = 'link'
