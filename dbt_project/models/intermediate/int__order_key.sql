-- Grain: one row per statement about an order and order that it is about. One number can cover several tests
-- (OBR-4): each is an order, and the one ordered first has the key of the number alone. They are several
-- when they were ordered so, or when nobody saw the order and one message has results of several; that a
-- laboratory names the one test in its own code makes no second order.
with numbers as (
    select
        *,
        number_authority || '|' || number_text as order_number
    from {{ ref('int__order_number') }}
),

ordered as (
    select source_system, order_number, count(distinct code) as codes
    from numbers
    where is_new and not is_result
    group by source_system, order_number
),

orders_seen as (
    select distinct order_number
    from ordered
    where codes > 0
),

reported as (
    select order_number, count(distinct code) as codes
    from numbers as n
    where
        message is not null
        and not exists (
            select 1
            from orders_seen as o
            where o.order_number = n.order_number
        )
    group by source_system, received, message, order_number
),

numbers_of_several as (
    select order_number
    from ordered
    where codes > 1
    union
    select order_number
    from reported
    where codes > 1
),

-- The tests of such a number: those ordered, else those reported.
tests as (
    select
        n.order_number,
        n.code,
        min(n.statement_order) as statement_order,
        {{ earliest_by('n.request_set_id', 'n.statement_order') }} as request_set_id
    from numbers as n
    inner join numbers_of_several as s on s.order_number = n.order_number
    left join orders_seen as o on o.order_number = n.order_number
    where n.code is not null and (o.order_number is null or (n.is_new and not n.is_result))
    group by n.order_number, n.code
),

ranked_tests as (
    select
        *,
        row_number() over (partition by order_number order by statement_order, code) as test_rank
    from tests
),

-- By its code, by its other code, else by its place in the message: the laboratory may use its own codes.
matched as (
    select
        n.*,
        t.code as test_code,
        t.test_rank,
        s.order_number is not null as is_of_several
    from numbers as n
    left join numbers_of_several as s on s.order_number = n.order_number
    left join ranked_tests as own on own.order_number = n.order_number and own.code = n.code
    left join ranked_tests as other
        on other.order_number = n.order_number and other.code = n.alternate_code
    left join ranked_tests as t
        on t.order_number = n.order_number
        and case
            -- What names no test (an ORC alone) is about all of them.
            when n.code is null then true
            when own.code is not null then t.code = n.code
            when other.code is not null then t.code = n.alternate_code
            else t.request_set_id = n.request_set_id
        end
)

select
    source_system,
    received,
    message,
    resource_id,
    statement_order,
    case
        when not is_of_several or test_rank = 1 then {{ key('order', ['number_authority', 'number_text']) }}
        else {{ key('order', ['number_authority', 'number_text', 'coalesce(test_code, code)']) }}
    end as order_key,
    is_ambiguous
from matched
