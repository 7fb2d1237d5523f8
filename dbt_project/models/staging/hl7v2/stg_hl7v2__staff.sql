{{ config(materialized='table', database='scratch') }}
-- Grain: one row per member of staff that a master file message states, and identifier by which other
-- messages may name them: the national provider identifier, those of STF-2, and the primary key.
with people as (
    select
        e.*,
        s.segment as staff_segment,
        s.family_name,
        concat_ws(' ', {{ held('s.given_name') }}, {{ held('s.other_given_names') }}) as given_names,
        concat_ws(
            ' ', {{ held('s.name_prefix') }}, {{ held('s.given_name') }}, {{ held('s.family_name') }}
        ) as display_name,
        s.active,
        p.segment as detail_segment,
        p.specialty_name
    from {{ ref('stg_hl7v2__master_entry') }} as e
    inner join {{ source('lake', 'hl7v2__stf') }} as s
        on {{ same_message('e', 's') }} and s.segment > e.segment and s.segment < e.until_segment
    left join {{ source('lake', 'hl7v2__pra') }} as p
        on {{ same_message('e', 'p') }} and p.segment > e.segment and p.segment < e.until_segment
    where e.master = 'staff'
),

identifiers as (
    select
        p.source_system,
        p.received,
        p.message,
        p.segment,
        {{ held('i.id') }} as id,
        {{ held('i.assigning_authority') }} as authority,
        {{ held('i.identifier_type') }} as id_type
    from people as p
    inner join {{ source('lake', 'hl7v2__stf_identifier') }} as i
        on {{ same_message('p', 'i') }} and i.segment = p.staff_segment
    union all
    select
        p.source_system,
        p.received,
        p.message,
        p.segment,
        {{ held('i.id') }} as id,
        cast(null as string) as authority,
        {{ held('i.id_type') }} as id_type
    from people as p
    inner join {{ source('lake', 'hl7v2__pra_identifier') }} as i
        on {{ same_message('p', 'i') }} and i.segment = p.detail_segment
    where i.id_type = 'NPI'
    union all
    select
        source_system,
        received,
        message,
        segment,
        record_id as id,
        cast(null as string) as authority,
        cast(null as string) as id_type
    from people
),

keyed as (
    select distinct
        i.source_system,
        i.received,
        i.message,
        i.segment,
        case
            when i.id_type = 'NPI' or ({{ is_npi('i.id') }}) then 'NPI'
            else coalesce(i.authority, p.sender)
        end as authority,
        i.id
    from identifiers as i
    inner join people as p
        on p.source_system = i.source_system
        and p.received = i.received
        and p.message = i.message
        and p.segment = i.segment
    where i.id is not null and coalesce(i.id_type, '') not in ('SS', 'SSN')
),

provider_numbers as (
    select source_system, received, message, segment, min(id) as npi
    from keyed
    where authority = 'NPI'
    group by source_system, received, message, segment
)

select
    p.source_system,
    p.source_ref,
    p.received,
    p.message,
    p.segment,
    p.sender,
    p.master,
    p.file_event,
    p.record_event,
    p.record_id,
    p.recorded_at,
    p.statement_order,
    {{ key('practitioner', ['k.authority', 'k.id']) }} as practitioner_key,
    case when k.authority = 'NPI' then k.id else n.npi end as npi,
    {{ held('p.family_name') }} as family_name,
    nullif(p.given_names, '') as given_names,
    nullif(p.display_name, '') as display_name,
    {{ held('p.specialty_name') }} as specialty,
    coalesce(p.active, 'A') <> 'I' as is_stated_active
from people as p
inner join keyed as k
    on k.source_system = p.source_system
    and k.received = p.received
    and k.message = p.message
    and k.segment = p.segment
left join provider_numbers as n
    on n.source_system = p.source_system
    and n.received = p.received
    and n.message = p.message
    and n.segment = p.segment
