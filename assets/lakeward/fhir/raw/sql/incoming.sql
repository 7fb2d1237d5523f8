-- The files of this load. One row per file: received, day, file and transaction_time of the ledger,
--   stated_in  file in which its records count as stated: itself, or for a replay the file that they
--              were rejected from
--   replay     number of the replay of that file, 0 for the file itself: a replayed record counts
--              after that file's own lines
create or replace temp table incoming as
select
    *,
    coalesce(try_cast((replay_of(file)).received as bigint), received) as stated_in,
    coalesce(try_cast((replay_of(file)).number as bigint), 0) as replay
from incoming_file
