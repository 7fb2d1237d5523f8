-- Grain: one row per stored message; `feed` is the family whose authority its statements have.
-- `sender` stands in for the authority of identifiers that name none: facility, else application, else
-- source.
select
    source as source_system,
    file || '#' || cast(message as string) as source_ref,
    received,
    message,
    message_type,
    trigger_event as message_trigger,
    control_id,
    content_sha256,
    message_at,
    coalesce(nullif(sending_facility, ''), nullif(sending_application, ''), source) as sender,
    case
        when message_type = 'ADT' then 'adt'
        when message_type in ('SIU', 'SRM', 'SRR') then 'siu'
        else 'orders'
    end as feed
from {{ source('lake', 'raw_hl7v2__message') }}
