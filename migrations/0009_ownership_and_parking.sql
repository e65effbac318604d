-- What a read model sets aside: streams that it cannot go on with, and events that an operator has skipped.

-- One row per stream that a generation cannot go on with. The stream's events from `position` up to the checkpoint wait in
-- order; they are not copied: the log has them.
create table projection.parked (
    name text collate "C" not null,
    generation integer not null,
    tenant_id uuid not null,
    stream_id uuid not null,
    category text collate "C" not null,
    -- The first event that is not folded.
    position bigint not null check (position > 0),
    event_id uuid not null,
    error text not null,
    parked_at timestamptz not null default clock_timestamp(),
    -- When an operator last tried to resume it, in vain.
    tried_at timestamptz,
    primary key (name, generation, tenant_id, stream_id, category),
    foreign key (name, generation) references projection.projections on delete cascade
);

-- Events that an operator has taken out of a generation for good.
create table projection.skipped (
    name text collate "C" not null,
    generation integer not null,
    position bigint not null,
    skipped_at timestamptz not null default clock_timestamp(),
    primary key (name, generation, position),
    foreign key (name, generation) references projection.projections on delete cascade
);

-- What operators have done about parked streams, for ever.
create table projection.parking_acts (
    id bigint generated always as identity primary key,
    acted_at timestamptz not null default clock_timestamp(),
    act text collate "C" not null,
    operator text not null,
    reason text,
    name text collate "C" not null,
    generation integer not null,
    -- `support.ticket 018f…`
    stream text collate "C" not null,
    position bigint not null,
    outcome text not null
);

select log.wall('projection.parked', tenant => '');

-- How many streams a generation has parked, the first event that waits and why: nothing of any tenant.
create function projection.parking(of_name text, of_generation integer)
returns table (streams bigint, "position" bigint, error text)
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
    select count(*), min(k.position), (array_agg(k.error order by k.position))[1]
    from projection.parked k where k.name = of_name and k.generation = of_generation
$$;

revoke execute on function projection.parking from public;
grant execute on function projection.parking to sillage_engine, sillage_tenant;

-- How far the continuous verification is, by part: the log, the mirror, each read model.
create table log.verifications (
    part text collate "C" primary key,
    -- What was found well up to here; a pass that is complete begins again.
    "position" bigint not null check ("position" >= 0),
    -- Passes that were completed.
    passes bigint not null default 0,
    pass_began_at timestamptz not null default clock_timestamp(),
    verified_at timestamptz not null default clock_timestamp(),
    -- The first thing that is not what it must be.
    divergence jsonb
);

grant select, insert, update on log.verifications to sillage_engine;

-- The processes that fold, each alive while it is heard: by the database's clock, and while its session is there.
create table projection.processes (
    process uuid primary key,
    -- For people: host and process id.
    place text not null,
    -- By which its sessions are known, and which of them holds its locks.
    application text not null,
    backend_pid integer not null,
    -- The locks of what it can fold.
    wants bigint[] not null,
    began_at timestamptz not null default clock_timestamp(),
    beat_at timestamptz not null default clock_timestamp()
) with (fillfactor = 50);

-- Who folds what. The advisory lock decides; this is what others see of it.
create table projection.leases (
    lock_key bigint primary key,
    name text collate "C" not null,
    generation integer not null,
    process uuid not null,
    taken_at timestamptz not null default clock_timestamp()
) with (fillfactor = 50);

-- Processes that are alive.
create function projection.is_alive(heard_at timestamptz, pid integer) returns boolean
language sql volatile as $$
    select heard_at > clock_timestamp() - interval '6 seconds' and exists (select from pg_stat_get_activity(pid))
$$;

-- Ends the sessions of processes that are not: a frozen one neither keeps its locks nor finishes what it was writing.
create function projection.evict() returns integer
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    stale record;
    evicted integer := 0;
begin
    for stale in
        delete from projection.processes p where not projection.is_alive(p.beat_at, p.backend_pid)
        returning p.process, p.application
    loop
        delete from projection.leases l where l.process = stale.process;
        begin
            perform pg_terminate_backend(a.pid) from pg_stat_activity a
            where a.application_name = stale.application and a.datname = current_database() and a.pid <> pg_backend_pid();
        exception when insufficient_privilege then
            -- Another login's: the server ends the session by itself when it has been silent for long enough.
            null;
        end;
        evicted := evicted + 1;
    end loop;
    return evicted;
end $$;

revoke execute on function projection.evict from public;
grant execute on function projection.evict to sillage_engine;
