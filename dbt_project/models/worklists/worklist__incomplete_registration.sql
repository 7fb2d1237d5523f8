-- Grain: one row per patient who comes within 3 days and whose registration lacks something. For registrars:
-- what to ask for, by the time of the visit.
with incomplete_registrations as (
    select
        {{ uuid5("'incomplete_registration|' || r.visit_key") }} as row_id,
        r.*,
        coalesce(c.is_contact_permitted, false) as contact_permitted,
        coalesce(c.channel, 'manual') as contact_channel,
        c.contact,
        c.contact_extension
    from {{ ref('int__incomplete_registration_candidate') }} as r
    left join {{ ref('int__contact_permission') }} as c on c.patient_key = r.patient_key
    where r.suppressed_by is null
)

select
    row_id,
    row_number() over (order by scheduled_start_at, row_id) as rank,
    patient_name,
    mrn,
    appt_id,
    facility_id as facility,
    local_date,
    local_time,
    time_zone as tz,
    location_name,
    missing,
    contact_permitted,
    contact_channel,
    contact,
    contact_extension,
    'Comes on '
    || {{ day_and_time('scheduled_start_at', 'scheduled_start_precision', 'time_zone') }}
    || '; missing: ' || missing as reason,
    {{ data_as_of('worklist__incomplete_registration') }} as data_as_of,
    cast('{{ var("day") }}' as date) as day,
    visit_key,
    patient_key,
    source_ref
from incomplete_registrations
