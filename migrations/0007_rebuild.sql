-- Rebuilding read models: built beside, compared, switched, kept for rollback, retired. See docs/runbooks/rebuild.md.

alter table projection.projections
    drop constraint projections_state_check,
    -- building: not yet at the end of the log for the first time. live: follows the log, shown to readers or not.
    -- failed: stopped at error_position. diverged: folded from another history than the log now tells.
    -- cancelled: given up before it was ever shown. retired: shown once, and no longer needed. The table of either is
    -- dropped as soon as nobody folds it.
    add constraint projections_state_check
        check (state in ('building', 'live', 'failed', 'diverged', 'cancelled', 'retired')),
    -- What happens when it has caught up: auto: readers are switched to it. ask: it waits for `switch`. never: it was
    -- built to be looked at, and `switch` refuses too.
    add column switch text collate "C" not null default 'auto' check (switch in ('auto', 'ask', 'never')),
    -- By an operator's word nothing is folded into it for the time being.
    add column paused boolean not null default false,
    -- How much a build may take: events per second, and percent of the time. Null: as much as live traffic allows.
    add column events_per_second integer check (events_per_second > 0),
    add column percent integer check (percent between 1 and 100),
    -- How much memory the rows of a build may take before they are spilled into its table.
    add column memory_mb integer check (memory_mb > 0),
    -- When readers were last shown another one instead: the latest is what `rollback` goes back to.
    add column replaced_at timestamptz,
    add column dropped_at timestamptz,
    -- Why readers could not be switched to it, or its table not be dropped, when that was last tried.
    add column trouble text,
    add constraint gone_is_not_shown check (not (serving and state in ('cancelled', 'retired')));

-- What a build is doing, by its owner, about once a second: for people and for metrics. The checkpoint alone says how
-- far it has come should it have to be taken up again. Narrow rows on roomy pages, as the checkpoints.
create table projection.builds (
    name text collate "C" not null,
    generation integer not null,
    -- waiting: for its turn. loading: the log is folded in memory. writing: the rows are copied into the table.
    -- indexing: the primary key and the indexes are made. catching_up: what happened meanwhile is folded.
    -- following: it is at the end of the log.
    phase text collate "C" not null
        check (phase in ('waiting', 'loading', 'writing', 'indexing', 'catching_up', 'following')),
    -- The last event that is folded, be it only in memory, and the end of the log then.
    position bigint not null,
    head bigint not null,
    rows bigint not null,
    -- Rows that were copied into the table at once; what came after was folded by small steps.
    copied bigint not null,
    events_per_second bigint not null,
    -- How often rows were written early because memory was full.
    spills integer not null,
    -- What holds it up besides its own work: paused, its budget, live traffic.
    held_by text collate "C" check (held_by in ('pause', 'budget', 'live')),
    began_at timestamptz not null,
    updated_at timestamptz not null,
    primary key (name, generation),
    foreign key (name, generation) references projection.projections on delete cascade
) with (fillfactor = 10, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_scale_factor = 0);

-- What operators have done to projections, and what was done by itself. Written with the act, in one transaction; then
-- appended to the log as an event, once, by whoever sees that it is not there yet.
create table projection.acts (
    id uuid primary key,
    name text collate "C" not null,
    act text collate "C" not null,
    generation integer not null,
    -- The generation that was shown before, for acts that show another.
    before integer,
    reason text,
    actor_kind text collate "C" not null,
    actor_id uuid not null,
    -- On the command line: the account there.
    operator text,
    occurred_at timestamptz not null default clock_timestamp(),
    -- The position of the event that tells it.
    recorded_position bigint
);

create index acts_of on projection.acts (name, occurred_at);
create index acts_not_recorded on projection.acts (occurred_at) where recorded_position is null;

-- What a generation would change, before readers are switched to it: the last comparison with the one they saw.
create table projection.comparisons (
    name text collate "C" not null,
    generation integer not null,
    before integer not null,
    compared_at timestamptz not null default clock_timestamp(),
    -- How many rows, which hash, how many differ and how, with samples field by field.
    result jsonb not null,
    primary key (name, generation),
    foreign key (name, generation) references projection.projections on delete cascade
);
comment on table projection.comparisons is 'Samples show rows of tenants: no tenant may read it.';
