-- Grain: one row per appointment of the next 14 days that needs an authorisation and has none that lasts
-- until it. For the authorisation team: which payer to ask first.
with open_authorisations as (
    select
        {{ uuid5("'prior_authorisation|' || a.visit_key") }} as row_id,
        a.*,
        nullif(concat_ws(', ', p.family_name, p.given_names), '') as patient_name,
        p.mrn
    from {{ ref('int__prior_authorisation_candidate') }} as a
    left join {{ ref('canonical__patient') }} as p on p.patient_key = a.patient_key
    where a.suppressed_by is null
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
    payer_name,
    service,
    authorisation_status,
    authorisation_number,
    expires_at,
    case
        when authorisation_status in ('missing', 'required', 'cancelled') then 'Ask the payer'
        when authorisation_status in ('denied', 'partial') then 'Appeal, or rebook what is covered'
        when authorisation_status = 'approved' then 'Ask the payer to extend it'
        when authorisation_status = 'error' then 'Send the request again'
        else 'Press the payer for an answer'
    end as next_action,
    case
        when authorisation_status = 'missing' then 'No authorisation on record'
        when authorisation_status = 'approved' and expires_at < scheduled_start_at
            then 'Authorisation ends on ' || {{ local_day_words('expires_at', 'time_zone') }}
                || ', before the visit'
        when authorisation_status = 'approved' then 'Authorisation not valid any more, or used up'
        when authorisation_status = 'required' then 'Authorisation required and not asked for'
        else 'Authorisation ' || authorisation_status
            || coalesce(' on ' || {{ local_day_words('decided_at', 'time_zone') }}, '')
    end
    || '; visit on ' || {{ day_and_time('scheduled_start_at', 'scheduled_start_precision', 'time_zone') }}
        as reason,
    {{ data_as_of('worklist__prior_authorisation') }} as data_as_of,
    cast('{{ var("day") }}' as date) as day,
    visit_key,
    patient_key,
    source_ref
from open_authorisations
