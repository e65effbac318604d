-- The words of a row are a column of its table: to look at a row costs a microsecond instead of making its document once more.
-- See docs/adr/0042-words-are-kept-with-the-row.md.

-- The ids of the rows of a read model that hold the words, at most so many, in no order; or the best of 2,000 of them, the
-- best first. Rows of the tenant that the caller's statement names, and no others: see 0015. The function of the same name
-- there stays for servers of before.
create function search.found(model text, id text, typed text, most integer, best boolean) returns uuid[]
language plpgsql stable parallel safe security definer set search_path = pg_catalog, pg_temp as $$
declare
    own constant uuid := current_setting('app.tenant')::uuid;
    wanted constant tsquery := search.words(typed);
    found uuid[];
begin
    if numnode(wanted) = 0 then return '{}'; end if;
    execute format(
        case when best then
            'select array(select c.id from (select t.%1$I as id, t.words from read.%2$I t where t.tenant_id = $1 '
            'and t.words @@ $2 limit 2000) c order by ts_rank(c.words, $4) desc, c.id limit $3)'
        else 'select array(select t.%1$I from read.%2$I t where t.tenant_id = $1 and t.words @@ $2 limit $3)' end,
        id, model)
    into found
    using own, ('''tenant:' || own || '''')::tsquery && wanted, most, wanted;
    return found;
end $$;
revoke execute on function search.found(text, text, text, integer, boolean) from public;
grant execute on function search.found(text, text, text, integer, boolean) to sillage_engine, sillage_tenant;
