-- Effects: what is done outside because of what has happened, at least once and never by a rebuild. See
-- docs/ARCHITECTURE.md, "One effect, from the event to the outside".

create schema effects;

-- Who follows the log to act on it: reactors (events to commands) and outboxes (events to jobs), each with a checkpoint
-- that moves, by compare-and-set, in the transaction that writes what it led to.
create table effects.followers (
    name text collate "C" primary key,
    -- running. stopped: before the event at error_position. diverged: it has acted on another history.
    state text collate "C" not null default 'running' check (state in ('running', 'stopped', 'diverged')),
    log_id uuid not null,
    epoch integer not null,
    position bigint not null check (position >= 0),
    -- The event at the position: proof that the log still tells the history that was acted on.
    event_id uuid,
    -- Raised at every take-over; whoever holds an older one can no longer write.
    owner_epoch bigint not null default 0,
    error text,
    error_position bigint,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    check ((position = 0) = (event_id is null)),
    check ((error is null) = (state = 'running'))
) with (fillfactor = 10, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_scale_factor = 0);

-- Commands of reactors that were refused: kept until an operator has seen to them. The reactor goes on.
create table effects.refusals (
    tenant_id uuid not null,
    command_id uuid not null,
    reactor text collate "C" not null,
    step text collate "C" not null,
    command text collate "C" not null,
    position bigint not null,
    event_id uuid not null,
    -- The stable code of the refusal, and what it says.
    code text collate "C" not null,
    message text not null,
    refused_at timestamptz not null default clock_timestamp(),
    primary key (tenant_id, command_id)
);

-- The outbox. One row per effect; its id is the id of the stream that says what is to be done and what became of it.
-- Nothing that is personal stands here.
create table effects.jobs (
    tenant_id uuid not null,
    id uuid not null,
    due_at timestamptz,
    created_at timestamptz not null default clock_timestamp(),
    changed_at timestamptz not null default clock_timestamp(),
    -- The event that asked for it, and the story that it belongs to.
    event_id uuid not null,
    correlation_id uuid not null,
    position bigint not null,
    -- Raised with every claim; whoever holds an older one can no longer write.
    claim bigint not null default 0,
    claimed_by uuid,
    -- How often operators have asked for it again, and how often it was tried since.
    round integer not null default 0,
    attempts integer not null default 0,
    kind text collate "C" not null,
    -- waiting: to be done. settled: it is known what became of it, and not yet recorded as an event. done, dead: recorded.
    state text collate "C" not null default 'waiting' check (state in ('waiting', 'settled', 'done', 'dead')),
    outcome text collate "C" check (outcome in ('succeeded', 'failed', 'suppressed')),
    -- Why it failed or was suppressed, as a stable code; what the other side calls what was done.
    reason text collate "C",
    receipt text,
    trace text,
    last_error text,
    primary key (tenant_id, kind, id),
    check ((due_at is null) = (state in ('done', 'dead'))),
    check ((outcome is null) = (state = 'waiting'))
) with (fillfactor = 70);

create index jobs_due on effects.jobs (kind, due_at) where due_at is not null;
create index jobs_dead on effects.jobs (kind, changed_at) where state = 'dead';
create index jobs_done on effects.jobs (changed_at) where state = 'done';

-- The development mailbox: what would have been sent. Empty wherever there is a real server to send through.
create table effects.mailbox (
    tenant_id uuid not null,
    id uuid not null,
    received_at timestamptz not null default clock_timestamp(),
    sender text not null,
    recipient text not null,
    subject text not null,
    plain text not null,
    html text not null,
    raw bytea not null,
    primary key (tenant_id, id)
);

grant usage on schema effects to sillage_engine;
grant select, insert, update on effects.followers to sillage_engine;
select log.wall('effects.refusals', tenant => '');
select log.wall('effects.jobs', tenant => '');
select log.wall('effects.mailbox', tenant => '');
