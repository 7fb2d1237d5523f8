-- Grain: one row per statement of a source about a location. Rank 0 is the location master (MFN), 1 the
-- directory (FHIR Location), 2 a message that merely names the location.
select
    location_key,
    facility,
    location_code,
    unit,
    room,
    bed,
    name,
    phone,
    location_type,
    master_status,
    0 as source_rank,
    statement_order,
    source_system,
    source_ref,
    recorded_at
from {{ ref('int__master_location') }}
union all
select
    location_key,
    facility,
    location_code,
    unit,
    room,
    bed,
    name,
    phone,
    location_type,
    master_status,
    1 as source_rank,
    statement_order,
    source_system,
    source_ref,
    recorded_at
from {{ ref('int__fhir_location') }}
union all
select
    {{ location_key('facility', 'code') }} as location_key,
    facility,
    code as location_code,
    unit,
    room,
    bed,
    code as name,
    {{ null_columns(['phone']) }},
    case when bed is not null then 'bd' when room is not null then 'ro' else 'wa' end as location_type,
    'active' as master_status,
    2 as source_rank,
    statement_order,
    source_system,
    source_ref,
    recorded_at
from {{ ref('int__message_location') }}
