{{ config(materialized='table', database='scratch') }}
-- Grain: one row per name of a patient of a message (PID-5); `choice` 1 is the one to use, if any is.
{% set is_chosen = ranked('name') ~ ' is not null and ' ~ days_hold('n') %}
select
    n.source,
    n.received,
    n.message,
    n.patient_group,
    n.repeat,
    n.name_type,
    n.family_name,
    n.given_name,
    n.other_given_names,
    case when {{ is_chosen }} then
        row_number() over (
            partition by n.source, n.received, n.message, n.patient_group
            order by
                case when {{ is_chosen }} then {{ ranked('name') }} end asc nulls last,
                n.segment,
                n.repeat
        )
    end as choice
from {{ source('lake', 'hl7v2__pid_name') }} as n
{{ join_repetition_rank(ref('repetition_rank'), 'name', 'patient', 'name', 'hl7v2', held('n.name_type')) }}
where coalesce(n.family_name, n.given_name, n.other_given_names) is not null
