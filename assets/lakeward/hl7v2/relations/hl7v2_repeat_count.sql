-- How often a stored HL7 v2 message was repeated; one row per message that was, see hl7v2_repeat.
select
    source, repeats_received as received, repeats_message as message, count(*) as repeat_count,
    max(received) as last_received
from {schema}.hl7v2_repeat
group by source, repeats_received, repeats_message
