{{ config(materialized='table', database='scratch') }}
-- Grain: one row per address of a patient of a message (PID-11); `choice` 1 is the one to use, if any is.
{% set is_chosen = ranked('address') ~ ' is not null and ' ~ days_hold('a') %}
select
    a.source,
    a.received,
    a.message,
    a.patient_group,
    a.repeat,
    a.address_type,
    a.address_line,
    a.address_other,
    a.city,
    a.state,
    a.postal_code,
    a.country,
    case when {{ is_chosen }} then
        row_number() over (
            partition by a.source, a.received, a.message, a.patient_group
            order by
                case when {{ is_chosen }} then {{ ranked('address') }} end asc nulls last,
                a.segment,
                a.repeat
        )
    end as choice
from {{ source('lake', 'hl7v2__pid_address') }} as a
{{ join_repetition_rank(
    ref('repetition_rank'), 'address', 'patient', 'address', 'hl7v2', held('a.address_type')
) }}
where coalesce(a.address_line, a.address_other, a.city, a.state, a.postal_code, a.country) is not null
