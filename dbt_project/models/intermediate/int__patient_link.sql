-- Grain: one row per two patients whose records a message linked (A24), unless a later one took the
-- link back (A37). Linked records stay distinct.
with pairs as (
    select
        -- A link has no direction, and A37 may name the two the other way round than A24 did.
        least(one.patient_key, other.patient_key) as lesser_key,
        greatest(one.patient_key, other.patient_key) as greater_key,
        k.effect,
        k.statement_order
    from {{ ref('stg_hl7v2__patient_group') }} as k
    inner join {{ ref('int__message_patient') }} as one on {{ same_patient_group('k', 'one') }}
    inner join {{ ref('int__message_patient') }} as other
        on other.source_system = k.source_system
        and other.received = k.received
        and other.message = k.message
        -- A24 and A37 name two patients, one after the other, each with its own PID.
        and other.patient_group = k.patient_group + 1
    where
        k.effect in ('link', 'unlink')
        and k.patient_group = 1
        and one.patient_key <> other.patient_key
),

latest as (
    select
        lesser_key,
        greater_key,
        {{ latest_by('effect', 'statement_order') }} as effect
    from pairs
    group by lesser_key, greater_key
)

select
    lesser_key as patient_key,
    greater_key as linked_patient_key
from latest
where effect = 'link'
union all
select
    greater_key as patient_key,
    lesser_key as linked_patient_key
from latest
where effect = 'link'
