{{ config(materialized='table', database='scratch') }}
-- Grain: one row per directive about contact that a message states of a patient (PD1-11, PD1-12, ARV-3), and
-- way of contact that the seed contact_directive names for its code. What takes a directive back, by `""` or
-- by a code that says nothing, is a row without a decision.
{% set zone = source_zone('e.source_system') %}
with stated as (
    select
        source,
        received,
        message,
        segment,
        patient_group,
        'PD1-11' as element,
        'PD1-11' as directive,
        publicity_code as code,
        publicity_effective as effective,
        {{ null_columns(['begin_at', 'end_at', 'end_precision']) }}
    from {{ source('lake', 'hl7v2__pd1') }}
    union all
    select
        source,
        received,
        message,
        segment,
        patient_group,
        'PD1-12' as element,
        'PD1-12' as directive,
        protection_indicator as code,
        protection_effective as effective,
        {{ null_columns(['begin_at', 'end_at', 'end_precision']) }}
    from {{ source('lake', 'hl7v2__pd1') }}
    union all
    -- One message may restrict one thing and free another: each restriction is a directive of its own.
    select
        source,
        received,
        message,
        segment,
        patient_group,
        'ARV-3' as element,
        'ARV-3 ' || restriction_code as directive,
        case when action_code_code = 'D' then '""' else restriction_code end as code,
        cast(null as date) as effective,
        begin_at,
        end_at,
        end_precision
    from {{ source('lake', 'hl7v2__arv') }}
)

select
    {{ hl7_origin('e') }},
    {{ part_order('e.statement_order', 's.segment') }} as statement_order,
    e.recorded_at,
    s.segment,
    s.patient_group,
    s.element,
    s.directive,
    d.code is not null or s.code = '""' as is_known,
    coalesce(d.channel, 'any') as channel,
    case d.effect when 'permit' then true when 'deny' then false end as is_permitted,
    coalesce(s.begin_at, {{ midnight_in_zone('s.effective', zone) }}) as begins_at,
    {{ last_at('s.end_at', 's.end_precision', zone) }} as ends_at
from {{ ref('stg_hl7v2__event') }} as e
inner join stated as s on {{ same_message('e', 's') }}
left join {{ ref('contact_directive') }} as d
    on d.element = s.element and d.code = upper(trim(s.code))
where s.code is not null
