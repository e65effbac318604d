-- What operators do about parked streams is noted with the other acts, and told in the log with them.

alter table projection.acts
    -- For acts on a parked stream: which, from where, how many of its events were folded, and what waits still.
    -- `projection.parking_acts` has the outcome in words too: they may quote an event, and do not go into the log.
    add column queue jsonb;
