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
