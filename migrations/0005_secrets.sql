-- What proves who somebody is: password hashes, second factors, refresh tokens, signing keys; and who tried to get in.
-- None of it is ever in an event. What happened (signed in, password changed) is in the log; this is what it takes to
-- check the next request. Losing these tables signs everybody out and loses no fact.

create schema secrets;

-- The keys that sign access tokens. A new one is known to everybody before it signs; an old one is believed until the
-- last token that it signed has ended. The private half is sealed under a key that is derived from the root key.
create table secrets.signing_keys (
    kid text collate "C" primary key,
    public_jwk text not null,
    sealed_private_key bytea not null,
    made_at timestamptz not null default clock_timestamp(),
    signs_from timestamptz not null,
    believed_until timestamptz
);

-- PHC strings: algorithm, parameters, salt and hash in one text.
create table secrets.passwords (
    user_id uuid primary key,
    hash text not null,
    set_at timestamptz not null default clock_timestamp()
);

-- Second factors. last_step is the time step of the last code that was accepted: no code is good twice.
create table secrets.second_factors (
    user_id uuid primary key,
    sealed_secret bytea not null,
    confirmed_at timestamptz,
    last_step bigint not null default 0,
    recovery_hashes bytea[] not null default '{}'
);

-- Everything that follows from one sign-in. binding tells the client apart that the family was given to.
create table secrets.families (
    sid uuid primary key,
    user_id uuid not null,
    tenant_id uuid,
    binding bytea not null,
    network text not null,
    user_agent text not null,
    began_at timestamptz not null default clock_timestamp(),
    used_at timestamptz not null default clock_timestamp(),
    ends_at timestamptz not null,
    ended_at timestamptz,
    end_reason text
);
create index on secrets.families (user_id) where ended_at is null;
create index on secrets.families (ends_at);

-- Refresh tokens, by SHA-256. salt makes the successor out of the token itself, for as long as an honest repeat may
-- come; without the token it says nothing.
create table secrets.refresh_tokens (
    hash bytea primary key,
    sid uuid not null references secrets.families on delete cascade,
    good_until timestamptz not null,
    used_at timestamptz,
    salt bytea
);
create index on secrets.refresh_tokens (sid);

-- From where the owner of an account has signed in before: devices by the hash of their cookie, networks by a keyed hash.
create table secrets.known_places (
    user_id uuid not null,
    place bytea not null,
    last_at timestamptz not null default clock_timestamp(),
    primary key (user_id, place)
);

-- Tries that are counted, by what they are counted for. A crash may forget them: a guesser gains one window.
create unlogged table secrets.attempts (
    bucket bytea primary key,
    streak integer not null default 0,
    last_at timestamptz not null default '-infinity',
    tries timestamptz[] not null default '{}'
) with (fillfactor = 70);
create index on secrets.attempts (last_at);

-- What was taken back before its time; every process that verifies tokens reads all of it every second. A row is not
-- needed any more when the last token that it is about has ended. kind: family, token, actor, member, suspended.
create table secrets.revocations (
    kind text collate "C" not null,
    id text collate "C" not null,
    in_tenant uuid not null default '00000000-0000-0000-0000-000000000000',
    before timestamptz not null default clock_timestamp(),
    -- The event that did it, for actor and member: tokens say as of which place in the log they are.
    epoch integer not null default 0,
    position bigint not null default 0,
    needed_until timestamptz not null,
    primary key (kind, id, in_tenant)
);
create index on secrets.revocations (needed_until);

-- How far the log has been searched for what takes tokens back.
create table secrets.followed (
    only_row boolean primary key default true check (only_row),
    epoch integer not null,
    position bigint not null
);

-- Keys of services, by SHA-256. What a key permits is in the log.
create table secrets.api_keys (
    hash bytea primary key,
    tenant_id uuid not null,
    api_key_id uuid not null,
    unique (tenant_id, api_key_id)
);

-- In which tenants a user is or was a member: found in the log. What he may do there is asked of his membership.
create table secrets.memberships (
    user_id uuid not null,
    tenant_id uuid not null,
    primary key (user_id, tenant_id)
);

-- Who tried to get in, from where, and what came of it. Personal data: kept twelve months, read by nobody but
-- operators. account is the user where there is one, else what the address that was given is known by.
create table secrets.access_log (
    at timestamptz not null default clock_timestamp(),
    what text collate "C" not null,
    account uuid,
    sid uuid,
    tenant_id uuid,
    network text,
    user_agent text
);
create index on secrets.access_log using brin (at);
create index on secrets.access_log (account, at);

-- Counts one try in every bucket, or in none where one of them must wait; answers for how many seconds, 0 for "go on".
-- A bucket lets `free` tries pass, then waits 2, 4, 8, ... seconds after each, 15 minutes at most; and never lets more
-- than `most` pass within 15 minutes. A day of peace makes it forget. Buckets are locked in the order given.
create function secrets.admit(
    buckets bytea[], free integer[], most integer[], moment timestamptz,
    out wait_s double precision, out streak integer
)
language plpgsql as $$
#variable_conflict use_column
declare
    span constant interval := '15 minutes';
    held secrets.attempts;
    recent timestamptz[];
    row_streak integer;
    opens timestamptz;
begin
    wait_s := 0;
    streak := 0;
    for i in 1..cardinality(buckets) loop
        insert into secrets.attempts (bucket) values (buckets[i]) on conflict do nothing;
        select * into held from secrets.attempts where bucket = buckets[i] for update;
        row_streak := case when held.last_at < moment - interval '1 day' then 0 else held.streak end;
        streak := greatest(streak, row_streak);
        recent := array(select t from unnest(held.tries) t where t > moment - span order by t);
        opens := moment;
        if row_streak >= free[i] then
            opens := held.last_at + least(power(2, least(row_streak - free[i] + 1, 20)) * interval '1 second', span);
        end if;
        if cardinality(recent) >= most[i] then
            opens := greatest(opens, recent[cardinality(recent) - most[i] + 1] + span);
        end if;
        wait_s := greatest(wait_s, extract(epoch from opens - moment));
    end loop;
    if wait_s > 0 then return; end if;
    for i in 1..cardinality(buckets) loop
        update secrets.attempts as a
        set streak = case when a.last_at < moment - interval '1 day' then 1 else a.streak + 1 end,
            last_at = moment,
            tries = array(select t from unnest(a.tries) t where t > moment - span order by t) || moment
        where a.bucket = buckets[i];
    end loop;
    streak := streak + 1;
end $$;

-- Takes a family of tokens back: its refresh tokens at once, its access tokens when the processes look next.
create function secrets.end_family(family uuid, reason text, needed interval) returns boolean
language plpgsql as $$
begin
    update secrets.families set ended_at = clock_timestamp(), end_reason = reason
    where sid = family and ended_at is null;
    if not found then return false; end if;
    insert into secrets.revocations (kind, id, needed_until)
    values ('family', family::text, clock_timestamp() + needed) on conflict do nothing;
    return true;
end $$;

-- Spends a refresh token. The family's row is locked, so of several at once one spends it and the others find it spent.
-- outcome: rotated (the successor counts), repeated (an honest repeat: the successor of then, made with the salt of then),
-- reused (somebody has a copy: the family is ended), over (ended or too old), unknown.
create function secrets.spend_refresh_token(
    presented bytea, successor bytea, fresh_salt bytea, client bytea[], grace interval, life interval, needed interval,
    in_network text,
    out outcome text, out salt bytea, out sid uuid, out user_id uuid, out tenant_id uuid, out ends_at timestamptz
)
language plpgsql as $$
#variable_conflict use_column
declare
    moment timestamptz;
    family secrets.families;
    token secrets.refresh_tokens;
begin
    select f.* into family from secrets.families f
    where f.sid = (select t.sid from secrets.refresh_tokens t where t.hash = presented) for update;
    if not found then outcome := 'unknown'; return; end if;
    select * into token from secrets.refresh_tokens where hash = presented;
    moment := clock_timestamp();
    sid := family.sid;
    user_id := family.user_id;
    tenant_id := family.tenant_id;
    ends_at := family.ends_at;
    if family.ended_at is not null or family.ends_at <= moment then outcome := 'over'; return; end if;
    if token.used_at is null then
        if token.good_until <= moment then outcome := 'over'; return; end if;
        update secrets.refresh_tokens set used_at = moment, salt = fresh_salt where hash = presented;
        insert into secrets.refresh_tokens (hash, sid, good_until)
        values (successor, family.sid, least(moment + life, family.ends_at));
        update secrets.families set used_at = moment, network = in_network where sid = family.sid;
        outcome := 'rotated';
        salt := fresh_salt;
    elsif token.used_at > moment - grace and token.salt is not null and family.binding = any(client) then
        outcome := 'repeated';
        salt := token.salt;
    else
        perform secrets.end_family(family.sid, 'refresh_token_reused', needed);
        outcome := 'reused';
    end if;
end $$;

-- Forgets what is of no use any more. Harmless to call at any time, by several at once.
create function secrets.tidy(grace interval) returns void
language sql as $$
    update secrets.refresh_tokens set salt = null where salt is not null and used_at < clock_timestamp() - grace;
    delete from secrets.families where ends_at < clock_timestamp() - interval '1 day';
    delete from secrets.families where ended_at < clock_timestamp() - interval '30 days';
    delete from secrets.attempts where last_at < clock_timestamp() - interval '1 day';
    delete from secrets.revocations where needed_until < clock_timestamp();
    delete from secrets.known_places where last_at < clock_timestamp() - interval '180 days';
    delete from secrets.access_log where at < clock_timestamp() - interval '12 months';
    delete from secrets.signing_keys where believed_until < clock_timestamp() - interval '1 day';
$$;

-- Whose key this is. Who asks must hold the key: nobody can list them this way.
create function secrets.find_api_key(presented bytea, out tenant_id uuid, out api_key_id uuid) returns setof record
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
    select k.tenant_id, k.api_key_id from secrets.api_keys k where k.hash = presented
$$;

-- The engine works with all of it. Whoever reads on behalf of a tenant checks tokens too: he sees which keys may sign and
-- what was taken back, which are ids and nothing else, and finds an API key that was shown to him.
grant usage on schema secrets to sillage_engine, sillage_tenant;
grant select, insert, update, delete on all tables in schema secrets to sillage_engine;
grant select on secrets.revocations to sillage_tenant;
grant select (kid, public_jwk, believed_until) on secrets.signing_keys to sillage_tenant;
revoke execute on all functions in schema secrets from public;
grant execute on all functions in schema secrets to sillage_engine;
grant execute on function secrets.find_api_key to sillage_tenant;
select log.wall('secrets.families', tenant => '');
select log.wall('secrets.api_keys', tenant => '');
select log.wall('secrets.memberships', tenant => '');
select log.wall('secrets.access_log', tenant => '');
