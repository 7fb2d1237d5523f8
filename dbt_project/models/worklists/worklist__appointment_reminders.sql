-- Grain: one row per appointment to be reminded of. For the messaging vendor: who may be reached
-- how, when and where, and nothing else. No permitted channel gives channel 'manual' without any
-- contact; the row stays, so that somebody calls by another way.
with candidates as (
    select
        r.*,
        case
            -- Booked on a day that the calendar closes by name, a holiday: somebody has to look.
            when r.is_closed_by_date then 'facility_closed'
            else coalesce(c.manual_because, 'none')
        end as manual_because,
        case when r.is_closed_by_date then 'manual' else coalesce(c.channel, 'manual') end as channel,
        case when not r.is_closed_by_date then c.contact end as contact,
        case when not r.is_closed_by_date then c.contact_extension end as contact_extension
    from {{ ref('int__appointment_reminders_candidate') }} as r
    left join {{ ref('int__contact_permission') }} as c on c.patient_key = r.patient_key
    where r.suppressed_by is null
),

reminders as (
    select
        {{ uuid5("'appointment_reminders|' || r.visit_key") }} as row_id,
        r.tier,
        r.appt_id,
        -- The first given name and no surname: a message on a shared telephone names nobody in full.
        split_part(trim(r.given_names), ' ', 1) as first_name,
        r.channel,
        r.contact,
        r.contact_extension,
        r.preferred_language as language,
        r.facility_id as facility,
        r.local_date,
        -- Empty for a start on a day without a time: nobody may be sent an hour that was not stated.
        case
            when not {{ is_day_alone('r.scheduled_start_precision') }}
                then {{ local_time('r.scheduled_start_at', 'r.time_zone') }}
        end as local_time,
        r.time_zone as tz,
        coalesce(l.name, l.unit) as location_name,
        {{ dialled('l.phone') }} as location_phone,
        d.display_name as provider_display,
        'Appointment ' || coalesce(
            r.change_word || ' on ' || {{ local_day_words('r.changed_at', 'r.time_zone') }},
            r.change_word,
            'planned'
        ) || '; reminder due for ' || {{ local_day_words('r.scheduled_start_at', 'r.time_zone') }} || case
            when {{ is_day_alone('r.scheduled_start_precision') }} then ', time not known'
            else ' ' || {{ local_time('r.scheduled_start_at', 'r.time_zone') }}
        end || case r.manual_because
            when 'facility_closed' then '; contact by hand: the facility is closed that day'
            when 'identity_in_question' then '; contact by hand: identity in question'
            when 'no_contact_on_record' then '; contact by hand: no number or address on record'
            when 'contact_denied' then '; contact by hand: patient wants no messages'
            when 'permission_unknown' then '; contact by hand: permission unknown'
            else ''
        end as reason,
        r.manual_because,
        r.listed_until,
        r.scheduled_start_at,
        r.visit_key,
        r.patient_key,
        r.source_ref
    from candidates as r
    left join {{ ref('canonical__location') }} as l on l.location_key = r.location_key
    left join {{ ref('canonical__practitioner') }} as d
        on d.practitioner_key = r.practitioner_key
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
    contact_extension,
    language,
    facility,
    local_date,
    local_time,
    tz,
    location_name,
    location_phone,
    provider_display,
    reason,
    {{ data_as_of('worklist__appointment_reminders') }} as data_as_of,
    cast('{{ var("day") }}' as date) as day,
    manual_because,
    listed_until,
    visit_key,
    patient_key,
    source_ref
from reminders
