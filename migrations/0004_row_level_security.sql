-- The second wall between tenants. The first is the tenant in every statement; this one holds when a statement has
-- forgotten it. See docs/adr/0015-row-level-security.md.
--
-- Whoever migrates owns everything and works as one of two roles that own nothing:
--   sillage_engine   serves all tenants: appends, relays, folds, verifies
--   sillage_tenant   reads for one tenant, which its statement names in the setting app.tenant; without it: an error

-- Roles belong to the whole server, and several databases on it may be migrated at once: whoever comes second finds
-- them made. Where the migrating user may not make roles, an administrator makes and grants them beforehand.
do $$
declare
    wanted text;
    membership text := case when current_setting('server_version_num')::int >= 160000 then 'SET' else 'MEMBER' end;
begin
    for attempt in 1..50 loop
        begin
            foreach wanted in array array['sillage_engine', 'sillage_tenant'] loop
                if not exists (select from pg_roles where rolname = wanted) then
                    execute format('create role %I nologin noinherit', wanted);
                end if;
                if not (pg_has_role(current_user, wanted, membership) and pg_has_role(current_user, wanted, 'USAGE')) then
                    execute format('grant %I to %I', wanted, current_user);
                end if;
            end loop;
            exit;
        exception
            when duplicate_object or unique_violation or internal_error then
                -- internal_error: "tuple concurrently updated".
                if attempt = 50 then raise; end if;
                perform pg_sleep(0.02 * attempt);
            when insufficient_privilege then
                raise exception 'the roles sillage_engine and sillage_tenant are missing and % may not make them', current_user
                    using errcode = '42501', hint = format(
                        'As an administrator: create role sillage_engine nologin noinherit; create role sillage_tenant '
                        'nologin noinherit; grant sillage_engine, sillage_tenant to %I;', current_user);
        end;
    end loop;
end $$;

-- Puts a table with a tenant_id behind the wall, and grants what the two roles may do there ('' is nothing). Call it for
-- every such table, in the migration that makes it. To call it again is harmless.
--
-- The sub-select matters: it is evaluated once per statement and not while a statement is planned, when the setting is
-- not there yet; and an index still serves the comparison.
create function log.wall(
    walled regclass,
    engine text default 'select, insert, update, delete',
    tenant text default 'select'
) returns void
language plpgsql as $$
declare
    own constant text := 'tenant_id = (select current_setting(''app.tenant'')::uuid)';
    house constant name := (select relnamespace::regnamespace from pg_class where oid = walled);
begin
    execute format('alter table %s enable row level security', walled);
    execute format('alter table %s force row level security', walled);
    if not exists (select from pg_policy where polrelid = walled and polname = 'engine') then
        execute format('create policy engine on %s to sillage_engine using (true) with check (true)', walled);
    end if;
    if not exists (select from pg_policy where polrelid = walled and polname = 'tenant') then
        execute format('create policy tenant on %s to sillage_tenant using (%s) with check (%s)', walled, own, own);
    end if;
    if engine <> '' then
        execute format('grant usage on schema %s to sillage_engine', house);
        execute format('grant %s on %s to sillage_engine', engine, walled);
    end if;
    if tenant <> '' then
        execute format('grant usage on schema %s to sillage_tenant', house);
        execute format('grant %s on %s to sillage_tenant', tenant, walled);
    end if;
end $$;

-- The log. Nobody is granted to change or delete an event.
select log.wall('log.events', 'select, insert', 'select');
select log.wall('log.streams', 'select, insert, update', '');
select log.wall('log.idempotency', 'select, insert', 'select');
select log.wall('log.reservations', tenant => '');
select log.wall('log.counters', 'select, insert, update', '');
select log.wall('log.snapshots', tenant => 'select, insert, update');

grant select, update on log.head to sillage_engine;
grant select on log.identity, log.epochs to sillage_engine;
-- Where the log ends and which one it is: no tenant's business, and nothing of any tenant.
grant select on log.head, log.identity to sillage_tenant;

-- The rights of whoever looks count, not those of the view's owner.
alter view log.events_json set (security_invoker = true);
grant select on log.events_json to sillage_engine, sillage_tenant;

-- Partitions are reached through log.events, whose policies hold there. A partition asked by its own name answers
-- neither role: it has the policies too, and no grants.
--
-- Runs with its owner's rights: the appender makes partitions ahead of need, and owns nothing.
create or replace function log.make_partitions(up_to bigint, size bigint) returns integer
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
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
        perform log.wall(format('log.%I', part)::regclass, '', '');
        execute format('alter table log.%I add constraint in_range check (position > %s and position <= %s)', part, first, first + size);
        execute format('alter table log.events attach partition log.%I for values from (%s) to (%s)', part, first + 1, first + size + 1);
        execute format('alter table log.%I drop constraint in_range', part);
        first := first + size;
        made := made + 1;
    end loop;
    return made;
end $$;

-- When the event at a position was recorded, whoever's it is; null where there is none.
create function log.recorded_at(at_position bigint) returns timestamptz
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
    select recorded_at from log.events where position = at_position
$$;

-- The last position that was recorded at or before a moment; 0 if none was. recorded_at never decreases with the
-- position, so this is a binary search.
create function log.position_at(moment timestamptz) returns bigint
language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $$
declare
    known bigint := 0;
    beyond bigint := (select position + 1 from log.head);
    middle bigint;
begin
    while beyond - known > 1 loop
        middle := known + (beyond - known) / 2;
        if log.recorded_at(middle) <= moment then known := middle; else beyond := middle; end if;
    end loop;
    return known;
end $$;

revoke execute on all functions in schema log from public;
grant execute on function log.recorded_at, log.position_at to sillage_engine, sillage_tenant;
grant execute on function log.append, log.refusals, log.make_partitions to sillage_engine;

-- How far read models are: positions, and nothing of any tenant.
grant usage on schema projection to sillage_engine, sillage_tenant;
grant select, insert, update, delete on all tables in schema projection to sillage_engine;
alter default privileges in schema projection grant select, insert, update, delete on tables to sillage_engine;
grant select on projection.projections, projection.checkpoints to sillage_tenant;

-- What is there already: partitions, and the tables and views of read models.
grant usage on schema read to sillage_engine, sillage_tenant;
do $$
declare
    found record;
begin
    for found in
        select c.oid::regclass as name, c.relkind as kind, c.relispartition as is_partition
        from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attname = 'tenant_id' and not a.attisdropped
        where c.relkind in ('r', 'p', 'v') and not c.relrowsecurity
          and c.relnamespace::regnamespace::text not in ('pg_catalog', 'information_schema')
          and c.relpersistence <> 't' and (c.relkind <> 'v' or c.relnamespace = 'read'::regnamespace)
    loop
        if found.kind = 'v' then
            execute format('grant select on %s to sillage_engine, sillage_tenant', found.name);
        elsif found.is_partition then
            perform log.wall(found.name, '', '');
        else
            perform log.wall(found.name);
        end if;
    end loop;
end $$;
