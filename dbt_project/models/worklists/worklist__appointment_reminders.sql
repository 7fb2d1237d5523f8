-- Grain: one row per appointment to be reminded of. For the messaging vendor: who may be reached
-- how, when and where, and nothing else. No permitted channel gives channel 'manual' without any
-- contact; the row stays, so that somebody calls by another way.
with reminders as (
    select
        {{ uuid5("'appointment_reminders|" ~ var('day') ~ "|' || r.visit_key") }} as row_id,
        r.tier,
        r.appt_id,
        -- The first given name and no surname: a message on a shared telephone names nobody in full.
        split_part(trim(r.given_names), ' ', 1) as first_name,
        coalesce(c.channel, 'manual') as channel,
        c.contact,
        r.preferred_language as language,
        r.local_date,
        {{ local_time('r.scheduled_start_at') }} as local_time,
        coalesce(l.name, l.unit) as location_name,
        {{ e164('trim(l.phone)') }} as location_phone,
        d.display_name as provider_display,
        'Appointment ' || coalesce(
            r.change_word || ' on ' || {{ local_day_words('r.changed_at') }}, r.change_word, 'planned'
        ) || '; reminder due for ' || {{ local_day_words('r.scheduled_start_at') }} || ' '
        || {{ local_time('r.scheduled_start_at') }} || case coalesce(c.manual_because, 'none')
            when 'no_contact_on_record' then '; contact by hand: no number or address on record'
            when 'contact_denied' then '; contact by hand: patient wants no messages'
            when 'permission_unknown' then '; contact by hand: permission unknown'
            else ''
        end as reason,
        coalesce(c.manual_because, 'none') as manual_because,
        r.scheduled_start_at,
        r.visit_key,
        r.patient_key,
        r.source_ref
    from {{ ref('int__appointment_reminders_candidate') }} as r
    left join {{ ref('int__contact_permission') }} as c on c.patient_key = r.patient_key
    left join {{ ref('canonical__location') }} as l on l.location_key = r.location_key
    left join {{ ref('canonical__practitioner') }} as d
        on d.practitioner_key = r.practitioner_key
    where r.suppressed_by is null
)

select
    row_id,
    row_number() over (
        -- With the row_id, ties have an order too: rank would else change from one build to the next.
        order by location_name asc nulls last, scheduled_start_at, row_id
    ) as rank,
    tier,
    appt_id,
    nullif(first_name, '') as first_name,
    channel,
    contact,
    language,
    local_date,
    local_time,
    '{{ var("time_zone") }}' as tz,
    location_name,
    location_phone,
    provider_display,
    reason,
    {{ as_of() }} as data_as_of,
    cast('{{ var("day") }}' as date) as day,
    manual_because,
    visit_key,
    patient_key,
    source_ref
from reminders
