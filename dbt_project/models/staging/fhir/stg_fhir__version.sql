{{ config(materialized='table', database='scratch') }}
-- Grain: one row per stored version of a staged resource that is neither deleted nor withheld, with when it
-- was stated and its statement order; a SUBSETTED one only while there is no other.
--
-- A version without lastUpdated was stated by the transactionTime of the first export that held it, else
-- by the last minute of the day of its delivery. Along the ranks of fhir_version neither time nor place
-- may go back, so both are carried on; that matters only where several versions compete (is_contested).
{% set zone = source_zone('source') %}
with versions as (
    select
        source,
        resource_type,
        id,
        discriminator,
        received,
        line,
        content_sha256,
        version_rank,
        is_current,
        is_contested,
        first_transaction_time,
        {{ fhir_time_at('last_updated_text', zone) }} as stamped_at,
        coalesce(
            first_transaction_time, {{ plus_minutes(midnight_in_zone(add_days('day', 1), zone), -1) }}
        ) as delivered_at,
        {{ source_place('source', 'day', 'file', 'received', 'line') }} as place
    from {{ source('lake', 'fhir_version') }} as v
    where
        resource_type in {{ staged_types() }}
        and not is_deleted
        and (is_current or not is_subsetted)
        and {{ is_not_withheld('v', 'line') }}
),

-- What a version without a stamp was stated by is no later than the next stamp in the order of ranks.
bounded as (
    select
        *,
        least(delivered_at, min(stamped_at) over following) as inferred_at
    from versions
    where is_contested
    window following as (
        partition by source, resource_type, id, discriminator
        order by version_rank desc
        rows between current row and unbounded following
    )
),

carried as (
    select
        *,
        max(coalesce(stamped_at, inferred_at)) over history as carried_at,
        max(first_transaction_time) over history as carried_transaction_time,
        max(place) over history as carried_place
    from bounded
    window history as (
        partition by source, resource_type, id, discriminator
        order by version_rank desc
        rows between unbounded preceding and current row
    )
),

placed as (
    select
        source,
        resource_type,
        id,
        received,
        line,
        content_sha256,
        version_rank,
        is_current,
        stamped_at,
        coalesce(stamped_at, delivered_at) as stated_at,
        first_transaction_time as placed_transaction_time,
        place
    from versions
    where not is_contested
    union all
    select
        source,
        resource_type,
        id,
        received,
        line,
        content_sha256,
        version_rank,
        is_current,
        stamped_at,
        carried_at as stated_at,
        carried_transaction_time as placed_transaction_time,
        carried_place as place
    from carried
)

select
    source,
    resource_type,
    id,
    received,
    line,
    version_rank,
    is_current,
    stated_at,
    stamped_at is not null as is_stamped,
    {{ statement_order(
        'stated_at', 'place', 'placed_transaction_time', '1000000 - version_rank', 'left(content_sha256, 8)'
    ) }} as statement_order
from placed
