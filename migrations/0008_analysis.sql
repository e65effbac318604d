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
