-- Looking back: moments in time, and stretches of the log that were moved out of the database. See docs/analysts.md and
-- docs/runbooks/archive.md.

-- Stretches of the log that were written to files. While detached_at is null the events are also here; afterwards the
-- files are the only place, and whoever asks for them is told so. Archives follow each other from position 1 on.
create table log.archives (
    first_position bigint primary key check (first_position > 0),
    last_position bigint not null unique check (last_position >= first_position),
    first_recorded_at timestamptz not null,
    last_recorded_at timestamptz not null,
    -- The event at last_position: what follows in the log is the same history.
    last_event_id uuid not null,
    -- Where manifest.json lies, as the operator named it, and its SHA-256.
    manifest text not null,
    manifest_sha256 bytea not null,
    archived_at timestamptz not null default now(),
    detached_at timestamptz
);

-- Where the files are is no tenant's business, and nothing of any tenant.
grant select, insert, update on log.archives to sillage_engine;
grant select on log.archives to sillage_tenant;

-- The last position that is in files only; 0 while there is none.
create function log.cold_up_to() returns bigint
language sql stable as $$
    select coalesce(max(last_position), 0) from log.archives where detached_at is not null
$$;

-- As before, and aware of archives: null where only they could tell.
create or replace function log.position_at(moment timestamptz) returns bigint
language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $$
declare
    cold constant bigint := log.cold_up_to();
    known bigint := cold;
    beyond bigint := (select position + 1 from log.head);
    middle bigint;
begin
    if moment < (select min(first_recorded_at) from log.archives) then
        return 0;
    end if;
    if moment < (select last_recorded_at from log.archives where last_position = cold) then
        return null;
    end if;
    while beyond - known > 1 loop
        middle := known + (beyond - known) / 2;
        if log.recorded_at(middle) <= moment then known := middle; else beyond := middle; end if;
    end loop;
    return known;
end $$;

revoke execute on function log.cold_up_to from public;
grant execute on function log.cold_up_to, log.position_at to sillage_engine, sillage_tenant;

-- An index over the log for questions that its own indexes do not answer: which events did this actor cause, which belong
-- to this story. It is filled behind the appends, which pay nothing for it, and it is a cache: what it has not reached yet
-- is scanned. See docs/adr/0025-an-index-beside-the-log.md.
create schema analysis;

-- Category and type as a small number.
create table analysis.kinds (
    kind smallint generated always as identity primary key,
    category text collate "C" not null,
    type text collate "C" not null,
    unique (category, type)
);

-- Every tenant that has an event, for those who may ask about all.
create table analysis.tenants (tenant_id uuid primary key);

-- A command is found through the ledger, so there is no index by command.
create table analysis.event_index (
    position bigint not null,
    tenant_id uuid not null,
    event_id uuid not null,
    correlation_id uuid not null,
    command_id uuid not null,
    actor_id uuid not null,
    kind smallint not null,
    primary key (tenant_id, position)
);
create index on analysis.event_index (tenant_id, event_id);
create index on analysis.event_index (tenant_id, correlation_id, position);
create index on analysis.event_index (tenant_id, actor_id, position);
create index on analysis.event_index (tenant_id, kind, position);

-- How far the index has come.
create table analysis.progress (
    only_row boolean primary key default true check (only_row),
    position bigint not null,
    updated_at timestamptz not null default now()
) with (fillfactor = 10);
insert into analysis.progress (position) values (0);

select log.wall('analysis.event_index', 'select, insert', 'select');
select log.wall('analysis.tenants', 'select, insert', '');
grant select, insert on analysis.kinds to sillage_engine;
grant select, update on analysis.progress to sillage_engine;
grant select on analysis.kinds, analysis.progress to sillage_tenant;

-- Indexes up to `most` further events and answers how many; null while somebody else is at it. One statement for the
-- caller, and no event leaves Postgres. The index may be ahead of the disk only where the log is too: both come back from
-- the same write-ahead log.
create function analysis.index_events(most integer) returns integer
language plpgsql as $$
declare
    first bigint;
    last bigint;
begin
    select greatest(position, log.cold_up_to()) into first from analysis.progress for update skip locked;
    if first is null then return null; end if;
    select least(position, first + most) into last from log.head;
    if last <= first then return 0; end if;
    insert into analysis.kinds (category, type)
    select distinct category, type from log.events where position > first and position <= last
    on conflict do nothing;
    insert into analysis.tenants (tenant_id)
    select distinct tenant_id from log.events where position > first and position <= last
    on conflict do nothing;
    insert into analysis.event_index (position, tenant_id, event_id, correlation_id, command_id, actor_id, kind)
    select position, tenant_id, event_id, correlation_id, command_id, actor_id, kind
    from log.events join analysis.kinds using (category, type)
    where position > first and position <= last
    order by position;
    update analysis.progress set position = last, updated_at = clock_timestamp();
    return last - first;
end $$;
revoke execute on function analysis.index_events from public;
grant execute on function analysis.index_events to sillage_engine;
