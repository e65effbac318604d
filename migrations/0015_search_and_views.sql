-- Full-text search behind the wall between tenants, and counts of what is looked at. See docs/adr/0030-search-behind-the-wall.md.

create schema search;
grant usage on schema search to sillage_engine, sillage_tenant;

-- Small letters without accents; letters that only look like two become two. Rows and questions both pass through here, so
-- it does not matter who leaves the accents out. No extension is needed.
create function search.folded(text text) returns text
language sql immutable strict parallel safe as $$
    select translate(lower(regexp_replace(normalize(
        replace(replace(replace(replace(replace(text, 'œ', 'oe'), 'Œ', 'oe'), 'æ', 'ae'), 'ß', 'ss'), '’', ''''),
        nfkd), U&'[\0300-\036F]', '', 'g') collate "und-x-icu"), 'øłđðı', 'olddi')
$$;

-- What a row is found by: its tenant, so that the index is never read for another one's rows, and the words of its texts in
-- French and English. The first text weighs most, the fourth and later ones least.
create function search.document(tenant_id uuid, texts text[]) returns tsvector
language plpgsql immutable parallel safe as $$
declare
    found tsvector := array_to_tsvector(array['tenant:' || tenant_id]);
    folded text;
begin
    for n in 1..cardinality(texts) loop
        if texts[n] is not null then
            folded := search.folded(texts[n]);
            found := found || setweight(
                to_tsvector('pg_catalog.french'::regconfig, folded) || to_tsvector('pg_catalog.english'::regconfig, folded),
                ('{A,B,C,D}'::"char"[])[least(n, 4)]);
        end if;
    end loop;
    return found;
end $$;

-- What people type: words, "phrases", -without, or. In whichever of the two languages.
create function search.words(typed text) returns tsquery
language sql immutable strict parallel safe as $$
    select websearch_to_tsquery('pg_catalog.french'::regconfig, search.folded(typed))
        || websearch_to_tsquery('pg_catalog.english'::regconfig, search.folded(typed))
$$;

-- The ids of the rows of a read model that hold the words, at most so many, in no order; or the best of 2,000 of them, the
-- best first. Rows of the tenant that the caller's statement names, and no others.
--
-- Works with its owner's rights, which no policy limits: under one Postgres does not let a comparison of words near an index, since
-- it is not known to keep secrets ("leakproof"). The tenant is therefore said here, in the condition and in the words.
create function search.found(model text, id text, texts text[], typed text, most integer, best boolean) returns uuid[]
language plpgsql stable parallel safe security definer set search_path = pg_catalog, pg_temp as $$
declare
    own constant uuid := current_setting('app.tenant')::uuid;
    wanted constant tsquery := search.words(typed);
    listed constant text := (select string_agg(format('t.%I', name), ', ' order by place)
        from unnest(texts) with ordinality as names(name, place));
    found uuid[];
begin
    if numnode(wanted) = 0 then return '{}'; end if;
    execute format(
        case when best then
            'select array(select c.id from (select t.%1$I as id, %3$s as document from read.%2$I t where t.tenant_id = $1 '
            'and %3$s @@ $2 limit 2000) c order by ts_rank(c.document, $4) desc, c.id limit $3)'
        else 'select array(select t.%1$I from read.%2$I t where t.tenant_id = $1 and %3$s @@ $2 limit $3)' end,
        id, model, format('search.document(t.tenant_id, array[%s])', listed))
    into found
    using own, ('''tenant:' || own || '''')::tsquery && wanted, most, wanted;
    return found;
end $$;

revoke execute on all functions in schema search from public;
grant execute on all functions in schema search to sillage_engine, sillage_tenant;

-- How often things were looked at: counted, not told as facts. Written about once a second per process; a crash loses what
-- was counted since.
create schema seen;
create table seen.counts (
    tenant_id uuid not null,
    kind text collate "C" not null,
    id uuid not null,
    times bigint not null,
    last_at timestamptz not null,
    primary key (tenant_id, kind, id)
) with (fillfactor = 70);
select log.wall('seen.counts', tenant => 'select, insert, update');

-- Adds to the counts of the tenant that the caller's statement names.
create function seen.add(of_kind text, ids uuid[], more bigint[]) returns integer
language sql as $$
    insert into seen.counts (tenant_id, kind, id, times, last_at)
    select current_setting('app.tenant')::uuid, of_kind, id, times, clock_timestamp()
    from unnest(ids, more) as added(id, times)
    on conflict (tenant_id, kind, id)
    do update set times = seen.counts.times + excluded.times, last_at = excluded.last_at;
    select cardinality(ids);
$$;
revoke execute on function seen.add from public;
grant execute on function seen.add to sillage_engine, sillage_tenant;
