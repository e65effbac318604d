-- Whether the log was adopted by the server that it is on. See docs/runbooks/divergence.md.

-- The timeline of the server on which an epoch began. Postgres gives a server another one when it promotes a standby or
-- ends a recovery: then positions may have been handed out before that this server does not know.
alter table log.epochs add column timeline integer;

-- The timeline that the server writes now; null where that cannot be told (a standby, or a service that hides it).
create function log.timeline() returns integer
language plpgsql volatile as $$
begin
    return ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::integer;
exception when others then
    return null;
end $$;

update log.epochs set timeline = log.timeline() where epoch = (select epoch from log.head);

-- Whether this server may go on with the log: it is the one on which the epoch began, or there is no telling.
create function log.is_adopted() returns boolean
language sql volatile security definer set search_path = pg_catalog, pg_temp as $$
    select coalesce((select timeline from log.epochs order by epoch desc limit 1) = log.timeline(), true)
$$;

-- Begins a new life of the log, by an operator's word: positions after this one may have been handed out before, to other
-- events.
create or replace function log.adopt(why text) returns integer
language plpgsql as $$
declare
    begun integer;
begin
    update log.head set epoch = epoch + 1 returning epoch into begun;
    insert into log.epochs (epoch, after_position, reason, timeline)
    select begun, position, why, log.timeline() from log.head;
    return begun;
end $$;

-- The last position that a position's holder can have in common with the log, who got it in that epoch; null: all of them.
create function log.common_up_to(of_epoch integer) returns bigint
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
    select min(after_position) from log.epochs where epoch > of_epoch
$$;

-- Whether the log, as it is now, has this event at this position, be it in files only: nothing of any tenant.
create function log.holds(of_log uuid, at_position bigint, id uuid) returns boolean
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
    select exists (select from log.identity where log_id = of_log)
       and (at_position = 0 or at_position <= log.cold_up_to()
            or exists (select from log.events where position = at_position and event_id = id))
$$;

revoke execute on function log.holds from public;
grant execute on function log.holds to sillage_engine, sillage_tenant;

revoke execute on function log.timeline, log.is_adopted, log.common_up_to from public;
grant execute on function log.timeline, log.is_adopted, log.common_up_to to sillage_engine, sillage_tenant;

-- A big generation in parts: each is folded by an owner of its own, and has the rows whose keys fall to it. The generation's
-- own checkpoint is where the part is that is furthest behind; it moves with the parts' checkpoints, in their transactions.
create table projection.parts (
    name text collate "C" not null,
    generation integer not null,
    part integer not null check (part >= 0),
    of integer not null check (of between 2 and 64 and part < of),
    log_id uuid not null,
    epoch integer not null,
    position bigint not null check (position >= 0),
    event_id uuid,
    -- Raised at every take-over. A part is written by whoever knows this and the generation's: raising either ends that.
    owner_epoch bigint not null default 0,
    updated_at timestamptz not null default clock_timestamp(),
    -- Why it stands still; the others go on.
    error text,
    -- While the parts are merged it folds no further than this, for as long as whoever merges is heard.
    hold_at bigint,
    hold_until timestamptz,
    primary key (name, generation, part),
    foreign key (name, generation) references projection.projections on delete cascade,
    check ((position = 0) = (event_id is null))
) with (fillfactor = 10, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_scale_factor = 0);

grant select on projection.parts to sillage_tenant;
