-- Endpoints: addresses of others that are called because of what has happened, each at its own pace. What is wanted of one,
-- how it is doing, what was sent to it and what came of every try. Nothing personal and no payload stands here.

-- Jobs for one endpoint are taken a few at a time, so that one that is slow does not hold the others up.
alter table effects.jobs add column endpoint uuid;
-- What a job is about, for whoever looks at it: the full type of an event.
alter table effects.jobs add column about text collate "C";

create index jobs_of_endpoint on effects.jobs (endpoint, due_at) where endpoint is not null and due_at is not null;
create index jobs_in_hand on effects.jobs (endpoint, due_at) where endpoint is not null and claimed_by is not null;
create index jobs_shown on effects.jobs (tenant_id, endpoint, created_at, id) where endpoint is not null;

-- What the follower that makes the jobs has to know of an endpoint; written with its checkpoint.
create table effects.endpoints (
    tenant_id uuid not null,
    id uuid not null,
    -- Patterns of event types.
    wanted text[] not null,
    is_open boolean not null,
    -- Since when no try has succeeded; null while it is well.
    failing_since timestamptz,
    primary key (tenant_id, id)
);

-- Every try, for as long as its job is kept.
create table effects.tries (
    tenant_id uuid not null,
    endpoint uuid not null,
    job_id uuid not null,
    round integer not null,
    attempt integer not null,
    began_at timestamptz not null default clock_timestamp(),
    took_ms integer not null,
    -- What the other side answered, where it did.
    status smallint,
    -- Why it did not succeed, as a stable code.
    error text collate "C",
    primary key (tenant_id, job_id, round, attempt, began_at)
);
create index tries_by_age on effects.tries (began_at);

-- Stretches of the log that are put into the outbox once more.
create table effects.replays (
    tenant_id uuid not null,
    id uuid not null,
    endpoint uuid not null,
    event_id uuid not null,
    -- From here (exclusive) up to there (inclusive); reached: what has been looked at.
    after_position bigint,
    from_time timestamptz,
    up_to bigint not null,
    reached bigint,
    queued bigint not null default 0,
    created_at timestamptz not null default clock_timestamp(),
    changed_at timestamptz not null default clock_timestamp(),
    finished_at timestamptz,
    -- Why it ended before its end, as a stable code.
    error text collate "C",
    primary key (tenant_id, id)
);
create index replays_open on effects.replays (created_at) where finished_at is null;

select log.wall('effects.endpoints');
select log.wall('effects.tries');
select log.wall('effects.replays');
-- Whoever looks for a tenant sees what was sent for it, and nothing of the machinery.
grant select (tenant_id, id, kind, endpoint, about, state, outcome, reason, attempts, round, due_at, created_at, changed_at,
    event_id, position) on effects.jobs to sillage_tenant;
grant usage on schema effects to sillage_tenant;
