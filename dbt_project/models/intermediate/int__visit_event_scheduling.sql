-- Grain: one row per event that a scheduling message (SIU) states. An S14 can mean another event than
-- "modified": the rows of trigger_event with a condition say which, by the status of the appointment. A
-- confirmation may stand in SCH-6 (reason of the event) instead of SCH-25 (status).
with messages as (
    select
        *,
        case
            when
                upper(coalesce(event_reason_code, '')) = 'CONFIRMED'
                or upper(coalesce(status_code, '')) = 'CONFIRMED'
                then 'confirmed'
            else appointment_status
        end as stated_condition,
        {{ latest_before(
            "case when event_type <> 'appointment_modified' then event_type end",
            'statement_order',
            'visit_key'
        ) }} as event_before
    from {{ ref('int__scheduling_message') }}
    where event_type is not null
),

events as (
    select
        m.source_system,
        m.source_ref,
        m.recorded_at,
        m.statement_order,
        m.is_stamped,
        m.message_at,
        m.message_type,
        m.trigger_event,
        m.control_id,
        m.content_sha256,
        m.feed,
        m.visit_key,
        m.is_one_of_group,
        m.patient_key,
        m.location_facility,
        m.location_unit,
        m.scheduled_start_at,
        {% if var('modified_after_cancel') == 'reopen' %}
        case
            when
                m.event_type = 'appointment_modified'
                and m.appointment_status = 'booked'
                and m.event_before = 'appointment_cancelled'
                then 'appointment_booked'
            else coalesce(special.event_type, m.event_type)
        end as event_type
        {% else %}
        coalesce(special.event_type, m.event_type) as event_type
        {% endif %}
    from messages as m
    left join {{ ref('trigger_event') }} as special
        on special.message_type = m.message_type
        and special.trigger_event = m.trigger_event
        and special.condition = m.stated_condition
)

select
    source_system || '|' || content_sha256 || '|' || event_type
        || case when is_one_of_group then '|' || visit_key else '' end as event_seed,
    -- A blocked time (S23, S24) has an id in SCH as an appointment has, and is no visit of anybody.
    case when event_type not in ('slot_blocked', 'slot_opened') then visit_key end as visit_key,
    patient_key,
    {{ location_key('location_facility', 'location_unit') }} as location_key,
    {{ null_columns(['bed_key', 'exact_location_key', 'referral_key', 'order_key']) }},
    event_type,
    message_at as occurred_at,
    case when is_stamped then 'second' end as time_precision,
    recorded_at,
    statement_order,
    scheduled_start_at,
    'explicit' as confidence,
    is_stamped as is_time_stated,
    {{ null_columns(['cancels', 'cancelled_at', 'begins_at']) }},
    message_type || '^' || trigger_event as source_trigger,
    control_id,
    feed,
    source_system,
    source_ref
from events
