-- Grain: one row per Slot resource (winning version).
{% set zone = source_zone('s.source') %}
{% set references = ref('stg_fhir__reference') %}
select
    {{ fhir_origin('s') }},
    coalesce(
        s.schedule_id, {{ named_id(references, 's', 'Slot', 'schedule', 'Schedule') }}
    ) as schedule_resource_id,
    s.status as slot_status,
    {{ has_modifier(ref('modifier'), 'Slot', 'left_out', [['status', 's.status']]) }} as is_left_out,
    -- A slot on a day without a time is at no time that could be booked.
    case
        when not {{ is_day_alone(fhir_time_precision('s.start_text')) }}
            then {{ fhir_time_at('s.start_text', zone) }}
    end as start_at,
    {{ fhir_last_at('s.end_text', zone) }} as end_at,
    s.is_overbooked,
    coalesce(t.code, y.code) as service_type
from {{ current_version(source('lake', 'fhir__slot'), ref('stg_fhir__version'), 'Slot') }} as s
left join {{ chosen_coding(
    source('lake', 'fhir__slot_concept'), ['serviceType'], version_keys(),
    none, ref('coding_rank'), '*',
) }} as t
    on {{ same_row('t', 's') }}
left join {{ chosen_coding(
    source('lake', 'fhir__slot_concept'), ['specialty'], version_keys(),
    none, ref('coding_rank'), '*',
) }} as y
    on {{ same_row('y', 's') }}
