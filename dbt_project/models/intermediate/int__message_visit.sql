-- Grain: one row per visit named in a message (message, patient_group), merges followed.
-- A number (PV1-19) names the visit; of a number that several appointments share a registration is about
-- the one of its day. Without a number the account (PID-18, PV1-50) leads to the visit that it was stated
-- with, else names visits itself. With neither, a visit is keyed by patient and admission (derived), and
-- whatever is no admission belongs to one of the patient's visits before it (`is_assumed`), chosen by rank:
-- one that it can be about, in the place that it names, an inpatient in a bed, of its class, the last one.
with visits as (
    select
        v.source_system,
        v.received,
        v.message,
        v.patient_group,
        v.statement_order,
        v.event_type,
        v.event_region,
        v.feed,
        n.own_patient_key,
        n.patient_key,
        n.visit_number_authority,
        n.visit_number,
        n.account_authority,
        n.account_number,
        n.account_text,
        n.alternate_text,
        n.is_ambiguous,
        coalesce(v.event_region in ('visit', 'appointment'), false) as is_about_visit,
        v.event_type in ('admitted', 'arrived', 'pre_admitted', 'admit_pending') as is_start,
        -- Whether the visit goes on after this event: it is over, or taken up.
        case
            when k.to_state in ('discharged', 'cancelled', 'entered_in_error') then 'over'
            when k.to_state = 'scheduled' then 'planned'
            when k.to_state is not null then 'open'
        end as course,
        case v.visit_class when 'IMP' then 'inpatient' when 'PRENC' then 'planned' else 'other' end
            as class_group,
        v.visit_class is null as is_class_unknown,
        case
            when v.cancels = 'departed' then 'over'
            when v.cancels in ('pre_admitted', 'admit_pending') then 'planned'
            else 'open'
        end as wanted_course,
        v.cancels,
        k.location_effect,
        v.location_bed is not null as has_bed,
        v.location_facility || '|' || v.location_code as place,
        v.pending_facility || '|' || v.pending_code as pending_place,
        coalesce(v.expected_admit_at, v.planned_at) as plan_at,
        coalesce(v.admit_at, v.expected_admit_at) is not null
            or v.event_type in ('admitted', 'arrived', 'pre_admitted', 'admit_pending') as has_admission,
        date_trunc(
            'minute',
            -- By the minute: feeds state the same admission with and without seconds.
            coalesce(v.admit_at, v.expected_admit_at, v.planned_at, v.occurred_at, v.recorded_at)
        ) as admission_minute,
        case
            when v.event_type in ('pre_admitted', 'admit_pending')
                then coalesce(v.expected_admit_at, v.planned_at, v.admit_at, v.recorded_at)
            else coalesce(v.occurred_at, v.recorded_at)
        end as about_at
    from {{ ref('stg_hl7v2__visit') }} as v
    inner join {{ ref('int__message_number') }} as n on {{ same_patient_group('v', 'n') }}
    left join {{ ref('event_type') }} as k on k.event_type = v.event_type
),

-- Of a number that several appointments share.
bookings_of_day as (
    select
        v.source_system,
        v.received,
        v.message,
        v.patient_group,
        {{ booking_of_day('v.about_at', 'b') }} as visit_key
    from visits as v
    inner join {{ ref('int__visit_number') }} as n
        on n.visit_number_authority = v.visit_number_authority
        and n.visit_number = v.visit_number
        and n.is_shared
    inner join {{ ref('int__visit_booking') }} as b
        on b.first_text = n.first_text and coalesce(b.patient_key = v.patient_key, true)
    group by v.source_system, v.received, v.message, v.patient_group
),

found as (
    select
        v.*,
        n.first_text,
        coalesce(n.is_shared, false) as is_shared,
        n.visit_key as linked_visit_key,
        b.visit_key as booked_visit_key,
        case
            when not v.is_start or not v.is_about_visit then null
            -- Registered on none of the days of the series: a visit under the number itself.
            else coalesce(
                b.visit_key,
                {{ number_visit_key('v.visit_number_authority', 'v.visit_number') }}
            )
        end as started_visit_key
    from visits as v
    left join {{ ref('int__visit_number') }} as n
        on n.visit_number_authority = v.visit_number_authority and n.visit_number = v.visit_number
    left join bookings_of_day as b on {{ same_patient_group('v', 'b') }}
),

numbered as (
    select
        *,
        case
            when visit_number is null then null
            when not is_shared
                then coalesce(
                    linked_visit_key, {{ number_visit_key('visit_number_authority', 'visit_number') }}
                )
            else coalesce(
                started_visit_key,
                -- What is no registration is about the visit registered last under the number.
                {{ latest_before('started_visit_key', 'statement_order', 'first_text, patient_key') }},
                booked_visit_key,
                linked_visit_key
            )
        end as numbered_visit_key
    from found
),

-- What groups visits: a message that has no number leads by it to the visit that it was stated with.
groupings as (
    select 1 as group_rank, account_text as group_text, *
    from numbered
    where account_text is not null
    union all
    select 2 as group_rank, alternate_text as group_text, *
    from numbered
    where alternate_text is not null
),

grouped as (
    select
        g.source_system,
        g.received,
        g.message,
        g.patient_group,
        g.group_rank,
        coalesce(
            {{ latest_by(
                'case when n.statement_order < g.statement_order then n.numbered_visit_key end',
                'n.statement_order'
            ) }},
            {{ earliest_by('n.numbered_visit_key', 'n.statement_order') }}
        ) as visit_key
    from groupings as g
    inner join groupings as n
        on n.group_text = g.group_text
        and n.patient_key = g.patient_key
        and n.numbered_visit_key is not null
        and n.event_region = 'visit'
    where g.numbered_visit_key is null
    group by g.source_system, g.received, g.message, g.patient_group, g.group_rank
),

grouped_visits as (
    select
        source_system,
        received,
        message,
        patient_group,
        {{ earliest_by('visit_key', 'group_rank') }} as visit_key
    from grouped
    group by source_system, received, message, patient_group
),

-- An account without any number names visits itself: one after the other, as patients come again.
account_rows as (
    select
        v.*,
        {{ latest_before('course', 'statement_order', 'account_text, patient_key') }} as course_before,
        {{ latest_before(
            "case when is_start then event_type || ' ' || " ~ time_text('about_at') ~ " end",
            'statement_order',
            'account_text, patient_key'
        ) }} as start_before
    from numbered as v
    left join grouped_visits as g on {{ same_patient_group('v', 'g') }}
    where
        v.visit_number is null
        and v.account_text is not null
        and (v.event_region = 'visit' or v.feed = 'orders')
        and g.visit_key is null
),

account_courses as (
    select
        *,
        sum(
            case
                when is_start and course_before = 'over' then 1
                -- Who leaves without a word comes again: a registration is repeated within the day.
                when
                    event_type = 'arrived'
                    and start_before like 'arrived %'
                    and substr(start_before, 9, 18) < {{ time_text(plus_minutes('about_at', -1080)) }}
                    then 1
                else 0
            end
        ) over (
            partition by account_text, patient_key order by statement_order rows unbounded preceding
        ) as course_number,
        max(case when event_region = 'visit' then 1 else 0 end) over (
            partition by account_text, patient_key
        ) as has_visit,
        first_value(patient_key) over (
            partition by account_text
            order by statement_order
            rows between unbounded preceding and unbounded following
        ) as first_patient_key
    from account_rows
),

account_visits as (
    select
        source_system,
        received,
        message,
        patient_group,
        {{ key('visit', [
            'account_authority',
            "'AN'",
            'account_number',
            "case when patient_key = first_patient_key then '' else coalesce(patient_key, '') end",
            'cast(course_number as string)',
        ]) }} as visit_key
    from account_courses
    -- An order under an account that registration never named is about no visit that is known.
    where has_visit = 1
),

-- An admission without any number is that of the numbered visit that began in the same minute.
numbered_admissions as (
    select
        patient_key,
        admission_minute,
        min(numbered_visit_key) as visit_key
    from numbered
    where numbered_visit_key is not null and event_region = 'visit' and has_admission
    group by patient_key, admission_minute
    having count(distinct numbered_visit_key) = 1
),

keyed as (
    select
        v.*,
        coalesce(
            v.numbered_visit_key,
            g.visit_key,
            a.visit_key,
            case
                -- The PV1 of a message about a person or a bed is about no visit, whatever it carries.
                when not v.is_about_visit or not v.has_admission then null
                else coalesce(
                    m.visit_key,
                    {{ key('visit', ['v.own_patient_key', "'ADMIT'", time_text('v.admission_minute')]) }}
                )
            end
        ) as visit_key
    from numbered as v
    left join grouped_visits as g on {{ same_patient_group('v', 'g') }}
    left join account_visits as a on {{ same_patient_group('v', 'a') }}
    left join numbered_admissions as m
        on m.patient_key = v.patient_key and m.admission_minute = v.admission_minute
),

-- A plan that names no visit is the earlier phase of the admission that fulfils it: the next one into the bed
-- that it reserved, or at about the time that it planned; of a plan without a time the next within a week.
fulfilments as (
    select
        p.source_system,
        p.received,
        p.message,
        p.patient_group,
        {{ earliest_by('b.visit_key', 'b.statement_order') }} as visit_key
    from keyed as p
    inner join keyed as b
        on b.patient_key = p.patient_key
        and b.statement_order > p.statement_order
        and b.event_type in ('admitted', 'arrived')
        and (b.event_type = 'admitted' or p.event_type = 'pre_admitted')
        and b.visit_key is not null
    where
        p.visit_number is null
        and p.account_number is null
        and p.event_type in ('pre_admitted', 'admit_pending')
        and (
            b.place = p.pending_place
            or (
                p.plan_at is not null
                and abs({{ minutes_between('p.plan_at', 'b.admission_minute') }}) <= 36 * 60
            )
            or (
                p.plan_at is null
                and {{ minutes_between('p.about_at', 'b.admission_minute') }} between 0 and 7 * 1440
            )
        )
        and not exists (
            select 1
            from keyed as c
            where
                c.patient_key = p.patient_key
                and c.cancels = p.event_type
                and c.visit_number is null
                and c.statement_order > p.statement_order
                and c.statement_order < b.statement_order
                and coalesce(c.pending_place = p.pending_place, true)
        )
    group by p.source_system, p.received, p.message, p.patient_group
),

assumed_0 as (
    select
        v.*,
        coalesce(f.visit_key, v.visit_key) as chosen_visit_key
    from keyed as v
    left join fulfilments as f on {{ same_patient_group('v', 'f') }}
),

-- What a message ends that names no visit, the next one cannot be about: each pass knows what the one
-- before it chose, so three in a row that end visits end three.
{% for pass in [1, 2, 3] %}
-- The visits of the patient before such a message, as they were by then.
candidates_{{ pass }} as (
    select
        f.source_system,
        f.received,
        f.message,
        f.patient_group,
        f.class_group,
        f.wanted_course,
        case when f.location_effect <> 'occupy' or f.cancels is not null then f.place end as place,
        b.chosen_visit_key as visit_key,
        max(b.statement_order) as statement_order,
        {{ latest_by(
            'case when b.cancels is null and b.visit_key is not null then b.class_group end',
            'b.statement_order'
        ) }} as class_before,
        coalesce({{ latest_by('b.course', 'b.statement_order') }}, 'open') as course_before,
        {{ latest_by(
            "case b.location_effect when 'occupy' then coalesce(b.place, '') when 'release' then '' end",
            'b.statement_order'
        ) }} as place_before,
        {{ latest_by(
            "case when b.location_effect = 'occupy' then case when b.has_bed then 'bed' else '' end"
            ~ " when b.location_effect = 'release' then '' end",
            'b.statement_order'
        ) }} as bed_before
    from assumed_{{ pass - 1 }} as f
    inner join assumed_{{ pass - 1 }} as b
        on b.patient_key = f.patient_key
        and b.statement_order < f.statement_order
        and b.chosen_visit_key is not null
        and b.event_region = 'visit'
    where
        f.visit_key is null
        and f.is_about_visit
        -- Not an update (A08), which may be about any visit of the patient, not only the last one.
        and f.event_type <> 'visit_updated'
    group by
        f.source_system,
        f.received,
        f.message,
        f.patient_group,
        f.class_group,
        f.wanted_course,
        case when f.location_effect <> 'occupy' or f.cancels is not null then f.place end,
        b.chosen_visit_key
),

choices_{{ pass }} as (
    select
        source_system,
        received,
        message,
        patient_group,
        {{ latest_by(
            'visit_key',
            "case when course_before = wanted_course then '1' else '0' end"
                ~ " || case when place_before = place then '1' else '0' end"
                ~ " || case when wanted_course <> 'open' then '0'"
                ~ " when class_before = 'inpatient' and bed_before = 'bed' then '2'"
                ~ " when class_before = 'inpatient' then '1' else '0' end"
                ~ " || case when wanted_course = 'open' and class_before = class_group then '1' else '0' end"
                ~ " || statement_order",
        ) }} as visit_key
    from candidates_{{ pass }}
    group by source_system, received, message, patient_group
),

assumed_{{ pass }} as (
    select
        v.*,
        coalesce(f.visit_key, c.visit_key, v.visit_key) as chosen_visit_key
    from keyed as v
    left join fulfilments as f on {{ same_patient_group('v', 'f') }}
    left join choices_{{ pass }} as c on {{ same_patient_group('v', 'c') }}
){{ "," if not loop.last }}

{% endfor %}
select
    source_system,
    received,
    message,
    patient_group,
    patient_key,
    chosen_visit_key as visit_key,
    case when visit_number is null and account_number is null then 'derived' else 'assigned' end
        as key_quality,
    is_ambiguous,
    visit_key is null and chosen_visit_key is not null as is_assumed
from assumed_3
