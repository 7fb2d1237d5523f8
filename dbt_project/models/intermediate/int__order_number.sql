-- Grain: one row per statement of a message or resource about an order, with the number that it goes by:
-- the placer's (ORC-2), which is issued first, so that the key does not change when a filler takes the
-- order on, else the filler's, which leads to the placer's that it was stated with.
with statements as (
    select
        o.source_system,
        o.received,
        o.message,
        cast(null as string) as resource_id,
        o.statement_order,
        coalesce(o.placer_authority, placer.authority, o.sender) as placer_authority,
        o.placer_number,
        coalesce(o.filler_authority, filler.authority, o.sender) as filler_authority,
        o.filler_number,
        coalesce(o.placer_group_authority, o.sender) || '|' || o.placer_group_number as group_text,
        o.code,
        o.alternate_code,
        o.request_set_id,
        o.result_status is not null as is_result,
        coalesce(o.order_control = 'NW', false) as is_new,
        coalesce(placer.is_ambiguous, false)
        or (o.placer_number is null and coalesce(filler.is_ambiguous, false)) as is_ambiguous
    from {{ ref('stg_hl7v2__order') }} as o
    left join {{ ref('int__message_patient') }} as p on {{ same_patient_group('o', 'p') }}
    {{ join_number_authority(
        ref('int__identifier_authority'), 'placer', 'order_placer', 'o', 'placer_number', 'o.sender', 'p'
    ) }}
    {{ join_number_authority(
        ref('int__identifier_authority'), 'filler', 'order_filler', 'o', 'filler_number', 'o.sender', 'p'
    ) }}
    where o.placer_number is not null or o.filler_number is not null or o.placer_group_number is not null
    union all
    select
        r.source_system,
        cast(null as bigint) as received,
        cast(null as bigint) as message,
        r.resource_id,
        r.statement_order,
        coalesce(r.placer_authority, placer.authority, r.source_system) as placer_authority,
        r.placer_number,
        coalesce(r.filler_authority, filler.authority, r.source_system) as filler_authority,
        r.filler_number,
        cast(null as string) as group_text,
        r.code,
        cast(null as string) as alternate_code,
        cast(null as string) as request_set_id,
        false as is_result,
        true as is_new,
        coalesce(placer.is_ambiguous, false)
        or (r.placer_number is null and coalesce(filler.is_ambiguous, false)) as is_ambiguous
    from {{ ref('stg_fhir__service_request') }} as r
    left join {{ ref('int__fhir_patient') }} as p
        on p.source_system = r.source_system and p.resource_id = r.patient_resource_id
    {{ join_number_authority(
        ref('int__identifier_authority'),
        'placer',
        'order_placer',
        'r',
        'placer_number',
        'r.source_system',
        'p',
    ) }}
    {{ join_number_authority(
        ref('int__identifier_authority'),
        'filler',
        'order_filler',
        'r',
        'filler_number',
        'r.source_system',
        'p',
    ) }}
    where r.is_current and not r.is_referral and not r.is_left_out
),

-- The placer's number of each filler's number: of one that covers several tests, that of the same test.
links as (
    select
        filler_authority || '|' || filler_number as filler_text,
        code,
        placer_authority,
        placer_number,
        statement_order
    from statements
    where filler_number is not null and placer_number is not null
),

aliases as (
    select
        filler_text,
        {{ latest_by('placer_authority', 'statement_order || placer_number') }} as placer_authority,
        {{ latest_by('placer_number', 'statement_order || placer_number') }} as placer_number,
        {{ latest_by('code', 'statement_order || placer_number') }} as code
    from links
    group by filler_text
),

aliases_of_test as (
    select
        filler_text,
        code,
        {{ latest_by('placer_authority', 'statement_order || placer_number') }} as placer_authority,
        {{ latest_by('placer_number', 'statement_order || placer_number') }} as placer_number
    from links
    where code is not null
    group by filler_text, code
),

named as (
    select
        s.*,
        case
            when s.placer_number is not null then s.placer_authority
            else coalesce(t.placer_authority, a.placer_authority)
        end as known_placer_authority,
        coalesce(s.placer_number, t.placer_number, a.placer_number) as known_placer_number,
        a.code as filler_code
    from statements as s
    left join aliases as a on a.filler_text = s.filler_authority || '|' || s.filler_number
    left join aliases_of_test as t on t.filler_text = a.filler_text and t.code = s.code
),

numbered as (
    select
        source_system,
        received,
        message,
        resource_id,
        statement_order,
        case
            when known_placer_number is not null then known_placer_authority
            when filler_number is not null then filler_authority
            else source_system
        end as number_authority,
        case
            when known_placer_number is not null then 'PLAC|' || known_placer_number
            when filler_number is not null then 'FILL|' || filler_number
            when resource_id is not null then 'ServiceRequest|' || resource_id
        end as number_text,
        group_text,
        coalesce(code, filler_code) as code,
        alternate_code,
        request_set_id,
        is_result,
        is_new,
        is_ambiguous
    from named
),

-- What names a group of orders (ORC-4) and none of them is about all that were stated with it.
groups as (
    select distinct group_text, number_authority, number_text
    from numbered
    where group_text is not null and number_text is not null
)

select
    n.source_system,
    n.received,
    n.message,
    n.resource_id,
    n.statement_order,
    coalesce(g.number_authority, n.number_authority) as number_authority,
    coalesce(g.number_text, n.number_text) as number_text,
    n.code,
    n.alternate_code,
    n.request_set_id,
    n.is_result,
    n.is_new,
    n.is_ambiguous
from numbered as n
left join groups as g on g.group_text = n.group_text and n.number_text is null and not n.is_new
where n.number_text is not null or g.number_text is not null
