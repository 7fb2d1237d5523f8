-- Grain: one row per result that nobody is known to have looked at, though it is critical or its patient
-- comes soon. For the results desk: whose results to look at first. What the result is stays in the record.
with unseen_results as (
    select
        {{ uuid5("'results_before_followup|' || r.result_key") }} as row_id,
        r.*,
        cast(floor(r.age_minutes / cast(1440 as double)) as bigint) as age_days,
        nullif(concat_ws(', ', p.family_name, p.given_names), '') as patient_name,
        p.mrn,
        d.display_name as ordering_provider
    from {{ ref('int__results_before_followup_candidate') }} as r
    left join {{ ref('canonical__patient') }} as p on p.patient_key = r.patient_key
    left join {{ ref('canonical__practitioner') }} as d on d.practitioner_key = r.practitioner_key
    where r.suppressed_by is null
)

select
    row_id,
    row_number() over (
        order by is_urgent desc, scheduled_start_at asc nulls last, stated_at, row_id
    ) as rank,
    patient_name,
    mrn,
    placer_number as order_number,
    result_category,
    is_urgent as is_critical,
    stated_at as resulted_at,
    age_days,
    ordering_provider,
    local_date as followup_date,
    local_time as followup_time,
    location_name as followup_location,
    case when is_urgent then 'Critical result' else 'Result' end
    || case when is_corrected then ', corrected' else '' end
    || ' of ' || {{ local_day_words('stated_at') }}
    || case
        when review_signal = 'none' then '; no review is stated'
        else '; not reviewed as it stands'
    end
    || coalesce(
        '; patient comes on '
        || {{ day_and_time('scheduled_start_at', 'scheduled_start_precision', 'time_zone') }},
        '; no visit in the next 5 days'
    ) as reason,
    {{ data_as_of('worklist__results_before_followup') }} as data_as_of,
    cast('{{ var("day") }}' as date) as day,
    result_key,
    visit_key,
    patient_key,
    source_ref
from unseen_results
