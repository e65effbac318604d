-- Where most rows of a table are one tenant's, asking the index for the word that is the tenant costs more than it spares: it
-- stands behind every row, and finding the few that hold the words among them takes several milliseconds of each search.
-- Whoever has half of a table or more asks for his words alone; of what the index names, the rows of others are left out as
-- they are read. See docs/adr/0042-words-are-kept-with-the-row.md.
create or replace function search.found(model text, id text, typed text, most integer, best boolean) returns uuid[]
language plpgsql stable parallel safe security definer set search_path = pg_catalog, pg_temp as $$
declare
    own constant uuid := current_setting('app.tenant')::uuid;
    wanted constant tsquery := search.words(typed);
    -- By the planner's statistics; null where there are none.
    share constant real := (
        select s.most_common_freqs[array_position(s.most_common_vals::text::uuid[], own)]
        from pg_rewrite w
        join pg_depend d on d.classid = 'pg_rewrite'::regclass and d.objid = w.oid and d.refclassid = 'pg_class'::regclass
        join pg_class t on t.oid = d.refobjid and t.relkind = 'r'
        join pg_stats s on s.schemaname = 'read' and s.tablename = t.relname and s.attname = 'tenant_id'
        where w.ev_class = format('read.%I', model)::regclass
        limit 1);
    asked tsquery := wanted;
    found uuid[];
begin
    if numnode(wanted) = 0 then return '{}'; end if;
    -- What only excludes words has to be told among which rows.
    if share is null or share < 0.5 or querytree(wanted) in ('', 'T') then
        asked := ('''tenant:' || own || '''')::tsquery && wanted;
    end if;
    execute format(
        case when best then
            'select array(select c.id from (select t.%1$I as id, t.words from read.%2$I t where t.tenant_id = $1 '
            'and t.words @@ $2 limit 2000) c order by ts_rank(c.words, $4) desc, c.id limit $3)'
        else 'select array(select t.%1$I from read.%2$I t where t.tenant_id = $1 and t.words @@ $2 limit $3)' end,
        id, model)
    into found
    using own, asked, most, wanted;
    return found;
end $$;
