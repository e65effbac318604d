-- The keys of personal data. A root key, which is not in here, wraps a key per tenant; that wraps a key per subject; that
-- seals what the log keeps about the subject. Destroying the subject's key erases all of it. See
-- docs/adr/0013-personal-data.md.
--
-- Back this schema up by itself and keep those backups for no longer than an erasure may take: a restored key un-erases.

create schema keys;
comment on schema keys is 'Wrapped keys of personal data; the root key that opens them is not in the database.';

-- One row: the secret from which keyed hashes and the like are derived, and which root key wraps it.
create table keys.installation (
    single boolean primary key default true check (single),
    root_id text collate "C" not null,
    wrapped bytea not null,
    created_at timestamptz not null default now()
);

-- A tenant's keys. The highest version wraps new subjects' keys; others stay until nothing is wrapped by them.
create table keys.tenants (
    tenant_id uuid not null,
    version integer not null check (version > 0),
    root_id text collate "C" not null,
    wrapped bytea not null,
    created_at timestamptz not null default now(),
    primary key (tenant_id, version)
);

-- A subject's key, or the tombstone that says it was destroyed and never comes back.
create table keys.subjects (
    tenant_id uuid not null,
    subject_id uuid not null,
    version integer not null default 1 check (version > 0),
    tenant_key_version integer,
    wrapped bytea,
    created_at timestamptz not null default now(),
    destroyed_at timestamptz,
    primary key (tenant_id, subject_id),
    foreign key (tenant_id, tenant_key_version) references keys.tenants (tenant_id, version),
    check ((wrapped is null) = (destroyed_at is not null) and (wrapped is null) = (tenant_key_version is null))
) with (autovacuum_vacuum_threshold = 1, autovacuum_vacuum_scale_factor = 0);
comment on table keys.subjects is 'vacuumed eagerly: the dead version of a destroyed row still holds the wrapped key';
create index on keys.subjects (tenant_id, tenant_key_version);

-- How many keys were ever destroyed. Locked by whoever destroys one, so that whoever sees a number sees all before it.
create table keys.head (
    single boolean primary key default true check (single),
    seq bigint not null
);
insert into keys.head (seq) values (0);

-- Every destroyed key, in order. Processes drop what they have cached of it.
create table keys.erasures (
    seq bigint primary key,
    tenant_id uuid not null,
    subject_id uuid not null,
    -- Why, without personal data.
    reason text not null,
    destroyed_at timestamptz not null default now(),
    -- When the last clear copy of it was taken out of the read models; null until then.
    scrubbed_at timestamptz,
    -- How many texts that were.
    texts bigint,
    unique (tenant_id, subject_id)
);
create index erasures_to_scrub on keys.erasures (seq) where scrubbed_at is null;

-- Destroys a subject's key and leaves the tombstone. Answers its place in the order of erasures, the first one's where it
-- was destroyed before.
create function keys.destroy(tenant uuid, subject uuid, why text) returns bigint
language plpgsql as $$
declare
    place bigint;
begin
    update keys.head set seq = seq + 1 returning seq into place;
    insert into keys.subjects as known (tenant_id, subject_id, wrapped, destroyed_at)
    values (tenant, subject, null, clock_timestamp())
    on conflict (tenant_id, subject_id) do update
    set wrapped = null, tenant_key_version = null, destroyed_at = clock_timestamp()
    where known.destroyed_at is null;
    -- A key that is destroyed again after a restore: its copies have to be looked for again.
    insert into keys.erasures as known (seq, tenant_id, subject_id, reason) values (place, tenant, subject, why)
    on conflict (tenant_id, subject_id) do update
    set seq = excluded.seq, scrubbed_at = null, texts = null
    where found;
    return (select seq from keys.erasures where tenant_id = tenant and subject_id = subject);
end $$;

-- Only machinery that serves all tenants reads keys; not even a tenant's own are his.
select log.wall('keys.tenants', tenant => '');
select log.wall('keys.subjects', tenant => '');
select log.wall('keys.erasures', tenant => '');
grant select, insert, update on keys.installation to sillage_engine;
grant select, update on keys.head to sillage_engine;
revoke execute on all functions in schema keys from public;
grant execute on function keys.destroy to sillage_engine;
