-- Projections: which generations of which read models exist, and how far each has been folded.
-- The tables of the read models themselves live in schema "read" and are made by the projector.

create schema read;
comment on schema read is
    'Read models. read.<name> is a view over the serving generation''s table, read.<name>_g<generation>.';

create schema projection;

-- One row per generation of a read model. A new version of a read model is built beside the serving one.
create table projection.projections (
    name text collate "C" not null,
    generation integer not null check (generation > 0),
    version integer not null,
    table_name text collate "C" not null unique,
    -- building: not yet at the end of the log for the first time. live: follows the log. failed: stopped at
    -- error_position. diverged: folded from another history than the log now tells. retired: replaced, kept.
    state text collate "C" not null check (state in ('building', 'live', 'failed', 'diverged', 'retired')),
    serving boolean not null,
    error text,
    error_position bigint,
    created_at timestamptz not null default now(),
    live_at timestamptz,
    switched_at timestamptz,
    primary key (name, generation),
    check ((error is null) = (state not in ('failed', 'diverged')))
);

create unique index one_serving_generation on projection.projections (name) where serving;

-- How far each generation has been folded; moved in the transaction that writes its rows, by compare-and-set on
-- (position, owner_epoch). Narrow rows on roomy pages: every update is heap-only and prunes as it goes.
create table projection.checkpoints (
    name text collate "C" not null,
    generation integer not null,
    log_id uuid not null,
    epoch integer not null,
    position bigint not null check (position >= 0),
    -- The event at the position: proof that the log still tells the history that was folded.
    event_id uuid,
    -- Raised at every take-over; whoever holds an older one can no longer write.
    owner_epoch bigint not null default 0,
    updated_at timestamptz not null default now(),
    primary key (name, generation),
    foreign key (name, generation) references projection.projections on delete cascade,
    check ((position = 0) = (event_id is null))
) with (fillfactor = 10, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_scale_factor = 0);
