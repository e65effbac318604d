-- A text without a letter beyond ASCII has nothing to fold but its capitals: the document of such a row costs two thirds.
create or replace function search.document(tenant_id uuid, texts text[]) returns tsvector
language plpgsql immutable parallel safe as $$
declare
    found tsvector := array_to_tsvector(array['tenant:' || tenant_id]);
    folded text;
begin
    for n in 1..cardinality(texts) loop
        if texts[n] is not null then
            if octet_length(texts[n]) = length(texts[n]) then
                folded := lower(texts[n] collate "C");
            else
                folded := search.folded(texts[n]);
            end if;
            found := found || setweight(
                to_tsvector('pg_catalog.french'::regconfig, folded) || to_tsvector('pg_catalog.english'::regconfig, folded),
                ('{A,B,C,D}'::"char"[])[least(n, 4)]);
        end if;
    end loop;
    return found;
end $$;
