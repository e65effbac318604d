-- Moving old stretches of the log into files and back. A stretch is one partition of log.events; archives follow each
-- other from position 1 on, so what is gone is always a beginning. See docs/runbooks/archive.md.

-- SHA-256 of the events as `copy (…) to stdout (format binary)` tells them, in the order of their positions: whoever has
-- other bytes has other events.
alter table log.archives add column content_sha256 bytea not null;

-- What operators have done, for ever.
create table log.archive_acts (
    id bigint generated always as identity primary key,
    acted_at timestamptz not null default clock_timestamp(),
    act text collate "C" not null check (act in ('archived', 'restored')),
    first_position bigint not null,
    last_position bigint not null,
    manifest text not null,
    operator text not null
);
grant select on log.archive_acts to sillage_engine;

-- Fails with SL002 where a reader who has got to `after` would miss what is in files only: the message is the place of the
-- manifest, the detail the last position that is cold. Otherwise it tells whether the next event is here. A reader whose
-- answer does not follow from where he was asks it afterwards: archiving commits its row together with the detaching, so a
-- gap that it made is explained by then.
create function log.require_here(after bigint) returns boolean
language plpgsql stable as $$
declare
    cold record;
begin
    select last_position, manifest into cold from log.archives
    where detached_at is not null and last_position > after order by last_position desc limit 1;
    if found then
        raise exception using errcode = 'SL002', message = cold.manifest, detail = cold.last_position::text;
    end if;
    return exists (select from log.events where position = after + 1);
end $$;

-- The same for one stream of the calling tenant: fails where its events after a version are in files only, otherwise tells
-- whether the next one is here, up to a position. Runs with its owner's rights, since whoever reads for one tenant does not see how far
-- streams have come.
create function log.require_stream_here(of_stream uuid, of_category text, after integer, up_to bigint) returns boolean
language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $$
declare
    of_tenant constant uuid := current_setting('app.tenant')::uuid;
begin
    if exists (select from log.events where tenant_id = of_tenant and stream_id = of_stream and category = of_category
               and version = after + 1 and position <= up_to)
    then
        return true;
    end if;
    if log.cold_up_to() > 0
       and (select version > after from log.streams
            where tenant_id = of_tenant and stream_id = of_stream and category = of_category)
       and not exists (select from log.events where tenant_id = of_tenant and stream_id = of_stream
                       and category = of_category and version = after + 1)
    then
        perform log.require_here(0);
    end if;
    return false;
end $$;

revoke execute on function log.require_here, log.require_stream_here from public;
grant execute on function log.require_here, log.require_stream_here to sillage_engine, sillage_tenant;

-- The stretches that are in the database, in order.
create function log.stretches() returns table (first_position bigint, last_position bigint, size_bytes bigint)
language sql stable as $$
    select split_part(relname, '_', 2)::bigint, split_part(relname, '_', 3)::bigint, pg_total_relation_size(pg_class.oid)
    from pg_inherits join pg_class on pg_class.oid = inhrelid
    where inhparent = 'log.events'::regclass
    order by 2
$$;

-- Takes a stretch that is in files out of the database. All or nothing, and by the owner alone: the row that explains
-- where the events are and their going away are one.
create function log.detach(stretch log.archives, operator text) returns void
language plpgsql as $$
declare
    part constant text := format('events_%s_%s', stretch.first_position, stretch.last_position);
begin
    if stretch.first_position <> log.cold_up_to() + 1 then
        raise exception 'archives follow each other: the next one begins at position %', log.cold_up_to() + 1;
    end if;
    if stretch.last_position >= (select position from log.head) then
        raise exception 'the log is not beyond position % yet', stretch.last_position;
    end if;
    delete from log.archives where first_position = stretch.first_position;
    stretch.archived_at := clock_timestamp();
    stretch.detached_at := clock_timestamp();
    insert into log.archives select stretch.*;
    execute format('alter table log.events detach partition log.%I', part);
    execute format('drop table log.%I', part);
    insert into log.archive_acts (act, first_position, last_position, manifest, operator)
    values ('archived', stretch.first_position, stretch.last_position, stretch.manifest, operator);
end $$;

-- An empty table for the events of an archive that is to come back; log.attach makes it a part of the log.
create function log.begin_restore(of_first bigint, of_last bigint) returns void
language plpgsql as $$
begin
    if of_last <> log.cold_up_to() or not exists (select from log.archives where first_position = of_first
        and last_position = of_last and detached_at is not null)
    then
        raise exception 'archives come back from the last one on: that ends at position %', log.cold_up_to();
    end if;
    execute format('create table log.%I (like log.events including defaults including constraints including comments)',
        format('events_%s_%s', of_first, of_last));
end $$;

create function log.attach(of_first bigint, of_last bigint, operator text) returns void
language plpgsql as $$
declare
    part constant text := format('events_%s_%s', of_first, of_last);
begin
    execute format('alter table log.%I add primary key (position)', part);
    execute format('create unique index on log.%I (tenant_id, stream_id, version, category)', part);
    perform log.wall(format('log.%I', part)::regclass, '', '');
    execute format('alter table log.%I add constraint in_range check (position > %s and position <= %s)', part, of_first - 1, of_last);
    -- A commit is seen a moment before every session knows of the new partition. Who reads the log in that moment must wait, or
    -- would take what he finds for the whole. Like a stretch that goes, it only tries for moments.
    perform set_config('lock_timeout', '250ms', true);
    for attempt in 1..100 loop
        begin
            lock table log.events in access exclusive mode;
            exit;
        exception when lock_not_available then
            if attempt = 100 then
                raise;
            end if;
            perform pg_sleep(0.75);
        end;
    end loop;
    execute format('alter table log.events attach partition log.%I for values from (%s) to (%s)', part, of_first, of_last + 1);
    execute format('alter table log.%I drop constraint in_range', part);
    update log.archives set detached_at = null where first_position = of_first;
    insert into log.archive_acts (act, first_position, last_position, manifest, operator)
    select 'restored', of_first, of_last, manifest, attach.operator from log.archives where first_position = of_first;
end $$;

revoke execute on function log.stretches, log.detach, log.begin_restore, log.attach from public;
