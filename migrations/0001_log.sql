-- The log: the truth of Sillage. Events are only ever added; nothing here is updated but the head, the
-- versions of streams, counters and reservations. See docs/ARCHITECTURE.md, "The log".

create schema log;

-- Which log this is. Positions of two logs never compare.
create table log.identity (
    only_row boolean primary key default true check (only_row),
    log_id uuid not null default gen_random_uuid(),
    created_at timestamptz not null default now()
);
insert into log.identity default values;

-- The lives of the log. A promoted or restored database that may hand out positions again begins a new one.
create table log.epochs (
    epoch integer primary key,
    after_position bigint not null,
    reason text not null,
    began_at timestamptz not null default now()
);
insert into log.epochs (epoch, after_position, reason) values (1, 0, 'the log begins');

-- The last event. Every append locks this row first, so positions are gapless and in commit order.
create table log.head (
    only_row boolean primary key default true check (only_row),
    position bigint not null,
    recorded_at timestamptz not null,
    event_id uuid,
    epoch integer not null
) with (fillfactor = 10);
insert into log.head (position, recorded_at, epoch) values (0, '-infinity', 1);

-- Fixed-width columns first: no padding between them.
create table log.events (
    position bigint not null,
    recorded_at timestamptz not null,
    occurred_at timestamptz not null,
    number bigint,
    epoch integer not null,
    version integer not null,
    schema_version smallint not null,
    event_id uuid not null,
    tenant_id uuid not null,
    stream_id uuid not null,
    command_id uuid not null,
    correlation_id uuid not null,
    causation_id uuid,
    actor_id uuid not null,
    on_behalf_of uuid,
    actor_kind text collate "C" not null,
    category text collate "C" not null,
    type text collate "C" not null,
    trace text collate "C",
    data bytea not null
) partition by range (position);

comment on column log.events.occurred_at is 'when it happened: business or device time';
comment on column log.events.recorded_at is 'when the server recorded it; never decreases with the position';
comment on column log.events.number is 'the gap-free number that a counter of the tenant gave with this event';
comment on column log.events.data is 'the payload: a JSON object, UTF-8; see log.events_json';

-- The same events for people who write SQL.
create view log.events_json as
    select position, recorded_at, occurred_at, number, epoch, version, schema_version, event_id, tenant_id,
           stream_id, command_id, correlation_id, causation_id, actor_id, on_behalf_of, actor_kind, category,
           type, trace, convert_from(data, 'UTF8')::jsonb as data
    from log.events;

-- Makes the partitions that hold the positions up to `up_to`. Attaching takes no lock that stops appends;
-- the check constraint spares the scan.
create function log.make_partitions(up_to bigint, size bigint) returns integer
language plpgsql as $$
declare
    first bigint := 0;
    made integer := 0;
    part text;
begin
    perform pg_advisory_xact_lock(hashtext('log.make_partitions'));
    select coalesce(max(split_part(relname, '_', 3)::bigint), 0) into first
    from pg_inherits join pg_class on pg_class.oid = inhrelid
    where inhparent = 'log.events'::regclass;
    while first < up_to loop
        part := 'events_' || (first + 1) || '_' || (first + size);
        execute format('create table log.%I (like log.events including defaults including constraints including comments)', part);
        execute format('alter table log.%I add primary key (position)', part);
        -- Serves stream reads, and is a second wall behind the version check.
        execute format('create unique index on log.%I (tenant_id, stream_id, version, category)', part);
        execute format('alter table log.%I add constraint in_range check (position > %s and position <= %s)', part, first, first + size);
        execute format('alter table log.events attach partition log.%I for values from (%s) to (%s)', part, first + 1, first + size + 1);
        execute format('alter table log.%I drop constraint in_range', part);
        first := first + size;
        made := made + 1;
    end loop;
    return made;
end $$;

-- How far each stream has come. The condition of every append is checked here, under the head lock.
create table log.streams (
    tenant_id uuid not null,
    stream_id uuid not null,
    version integer not null,
    category text collate "C" not null,
    primary key (tenant_id, stream_id, category)
) with (fillfactor = 80);

-- The answer of every command, by the caller's key: a repeat gets the first answer. Kept 24 hours or more.
create table log.idempotency (
    tenant_id uuid not null,
    key uuid not null,
    request_hash uuid not null,
    stream_id uuid not null,
    position bigint not null,
    number bigint,
    recorded_at timestamptz not null,
    version integer not null,
    changed boolean not null,
    primary key (tenant_id, key)
);

-- Names that are unique in their tenant and scope, and the stream that holds each.
create table log.reservations (
    tenant_id uuid not null,
    scope text collate "C" not null,
    key text collate "C" not null,
    stream_id uuid not null,
    primary key (tenant_id, scope, key)
);

-- Gap-free numbers, given inside the append.
create table log.counters (
    tenant_id uuid not null,
    name text collate "C" not null,
    value bigint not null,
    primary key (tenant_id, name)
) with (fillfactor = 50);

-- States of long streams. A cache: valid for one build of the program, deletable at any time.
create table log.snapshots (
    tenant_id uuid not null,
    stream_id uuid not null,
    category text collate "C" not null,
    version integer not null,
    build uuid not null,
    state bytea not null,
    primary key (tenant_id, stream_id, category)
);

-- Appends a batch of requests, all or nothing, in one transaction. Arrays are parallel; what is an index counts
-- from 1. Passing an element costs as much as storing it, so everything is said once, where it belongs:
--   r_  per request: who asks, the key, the index of its first stream, how many events the batch has up to its end
--   s_  per stream that a request names, in the order of requests (s_added = 0: only its version is checked)
--   e_  per event, in the order of streams
--   k_  per name that is reserved or given back
-- names is a dictionary of categories, types and actor kinds. An array of which every element would be null is null.
--
-- Without flush the commit does not wait for the disk; the caller acknowledges nothing before a later commit has.
--
-- The caller believes that every condition holds. Where one does not, the whole batch fails with SL001 or a unique
-- violation, and log.refusals says which requests are to blame. PL/pgSQL gives each statement a snapshot of its own,
-- taken after the head lock: what a statement reads here is what the previous append left.
create function log.append(
    flush boolean,
    names text[],
    r_tenant uuid[], r_key uuid[], r_hash uuid[], r_actor uuid[], r_kind smallint[], r_behalf uuid[],
    r_correlation uuid[], r_causation uuid[], r_trace text[], r_occurred timestamptz[], r_counter text[],
    r_stream integer[], r_last integer[],
    s_request integer[], s_id uuid[], s_category smallint[], s_expected integer[], s_added integer[],
    n_create integer, n_update integer, n_check integer,
    e_stream integer[], e_offset integer[], e_type smallint[], e_schema smallint[], e_id uuid[], e_data bytea[],
    k_request integer[], k_scope text[], k_key text[], k_release boolean[],
    out base bigint, out epoch integer, out recorded_at timestamptz, out numbers bigint[]
)
language plpgsql as $$
#variable_conflict use_column
declare
    added constant integer := coalesce(array_length(e_id, 1), 0);
    touched bigint;
begin
    if not flush then perform set_config('synchronous_commit', 'off', true); end if;

    update log.head h
    set position = h.position + added,
        event_id = case when added > 0 then e_id[added] else h.event_id end,
        recorded_at = greatest(h.recorded_at, clock_timestamp())
    returning h.position - added, h.epoch, h.recorded_at into base, epoch, recorded_at;

    if n_create > 0 then
        insert into log.streams (tenant_id, stream_id, version, category)
        select r_tenant[r], s, a, names[c] from unnest(s_request, s_id, s_category, s_expected, s_added) as u(r, s, c, x, a)
        where x = 0 and a > 0;
    end if;
    if n_update > 0 then
        update log.streams as known set version = x + a
        from unnest(s_request, s_id, s_category, s_expected, s_added) as u(r, s, c, x, a)
        where x > 0 and a > 0 and known.tenant_id = r_tenant[r] and known.stream_id = s and known.category = names[c]
          and known.version = x;
        get diagnostics touched = row_count;
        if touched <> n_update then raise exception 'a stream has moved on' using errcode = 'SL001'; end if;
    end if;
    if n_check > 0 then
        select count(*) into touched
        from unnest(s_request, s_id, s_category, s_expected, s_added) as u(r, s, c, x, a)
        left join log.streams known on known.tenant_id = r_tenant[r] and known.stream_id = s and known.category = names[c]
        where a = 0 and coalesce(known.version, 0) = x;
        if touched <> n_check then raise exception 'a stream has moved on' using errcode = 'SL001'; end if;
    end if;

    if k_key is not null then
        delete from log.reservations held
        using unnest(k_request, k_scope, k_key, k_release) as u(r, o, k, f)
        where f and held.tenant_id = r_tenant[r] and held.scope = o and held.key = k and held.stream_id = s_id[r_stream[r]];
        -- A stream may reserve again what it holds.
        insert into log.reservations (tenant_id, scope, key, stream_id)
        select r_tenant[r], o, k, s_id[r_stream[r]] from unnest(k_request, k_scope, k_key, k_release) as u(r, o, k, f) where not f
        on conflict (tenant_id, scope, key) do update set stream_id = excluded.stream_id
        where log.reservations.stream_id = excluded.stream_id;
        get diagnostics touched = row_count;
        if touched <> (select count(*) from unnest(k_release) as f where not f) then
            raise exception 'a name is taken' using errcode = 'SL001';
        end if;
    end if;

    if r_counter is not null then
        with wanted as (
            select r, t, n, row_number() over (partition by t, n order by r) as nth,
                   count(*) over (partition by t, n) as total
            from unnest(r_tenant, r_counter) with ordinality as u(t, n, r) where n is not null
        ), advanced as (
            insert into log.counters as counter (tenant_id, name, value)
            select t, n, total from wanted where nth = 1 order by t, n
            on conflict (tenant_id, name) do update set value = counter.value + excluded.value
            returning tenant_id, name, value
        )
        select array_agg(value - total + nth order by r) into numbers
        from unnest(r_tenant, r_counter) with ordinality as u(t, n, r)
        left join wanted using (r)
        left join advanced on tenant_id = wanted.t and name = wanted.n;
    end if;

    insert into log.idempotency (tenant_id, key, request_hash, stream_id, position, number, recorded_at, version, changed)
    select t, k, h, s_id[s], append.base + l, numbers[r], append.recorded_at, s_expected[s] + s_added[s],
           l > coalesce(r_last[r - 1], 0)
    from unnest(r_tenant, r_key, r_hash, r_stream, r_last) with ordinality as u(t, k, h, s, l, r);

    if added > 0 then
        -- The first event of a request's first stream carries its number.
        insert into log.events (position, recorded_at, occurred_at, number, epoch, version, schema_version, event_id,
            tenant_id, stream_id, command_id, correlation_id, causation_id, actor_id, on_behalf_of, actor_kind,
            category, type, trace, data)
        select append.base + p, append.recorded_at, r_occurred[r], case when o = 1 and r_stream[r] = s then numbers[r] end,
               append.epoch, s_expected[s] + o, v, i, r_tenant[r], s_id[s], r_key[r], r_correlation[r], r_causation[r],
               r_actor[r], r_behalf[r], names[r_kind[r]], names[s_category[s]], names[y], r_trace[r], d
        from (
            select p, s, s_request[s] as r, o, y, v, i, d
            from unnest(e_stream, e_offset, e_type, e_schema, e_id, e_data) with ordinality as u(s, o, y, v, i, d, p)
            offset 0
        ) as event;
    end if;
end $$;

-- Begins a new life of the log, by an operator's word, after a standby without the tail was promoted or a backup was
-- restored: positions after this one may have been handed out before, to other events.
create function log.adopt(why text) returns integer
language plpgsql as $$
declare
    begun integer;
begin
    update log.head set epoch = epoch + 1 returning epoch into begun;
    insert into log.epochs (epoch, after_position, reason) select begun, position, why from log.head;
    return begun;
end $$;

-- Which requests of a failed batch are to blame, and why. One row per reason; reads only.
create function log.refusals(
    r_tenant uuid[], r_key uuid[],
    s_request integer[], s_tenant uuid[], s_stream uuid[], s_category text[], s_expected integer[],
    k_request integer[], k_tenant uuid[], k_scope text[], k_key text[], k_stream uuid[]
) returns table (
    request integer, reason text, stream_id uuid, version integer, scope text, key text,
    request_hash uuid, last_position bigint, number bigint, recorded_at timestamptz, changed boolean
)
language sql stable as $$
    select (r - 1)::integer, 'repeated', known.stream_id, known.version, null, null,
           known.request_hash, known.position, known.number, known.recorded_at, known.changed
    from unnest(r_tenant, r_key) with ordinality as u(t, k, r)
    join log.idempotency known on known.tenant_id = t and known.key = k
    union all
    select r, 'version', s, coalesce(known.version, 0), c, null, null, null, null, null, null
    from unnest(s_request, s_tenant, s_stream, s_category, s_expected) as u(r, t, s, c, x)
    left join log.streams known on known.tenant_id = t and known.stream_id = s and known.category = c
    where coalesce(known.version, 0) <> x
    union all
    select r, 'reserved', held.stream_id, null, o, k, null, null, null, null, null
    from unnest(k_request, k_tenant, k_scope, k_key, k_stream) as u(r, t, o, k, s)
    join log.reservations held on held.tenant_id = t and held.scope = o and held.key = k and held.stream_id <> s
$$;
