-- Jobs of tower-recourse-defer. Times are milliseconds since the start of 1970, in UTC.
create table recourse_jobs (
    queue text not null,
    key text not null,
    payload blob not null,
    -- When the job was stored.
    stored integer not null,
    -- 'waiting' (also while a worker runs the job), 'done' or 'dead'.
    state text not null default 'waiting',
    attempts integer not null,
    -- Claims since the last outcome.
    claims integer not null default 0,
    -- When the job is due; while it is leased, the end of the lease; when it has finished, its end.
    due integer not null,
    leased integer not null default 0,
    -- The number of the latest claim.
    token integer not null,
    -- Why a job is dead.
    reason text,
    -- A JSON array.
    history text not null default '[]',
    primary key (queue, key)
) strict;

-- Serves claims, counts and purges.
create index recourse_jobs_by_due on recourse_jobs (queue, state, due);

create table recourse_jobs_version (version integer not null) strict;
insert into recourse_jobs_version values (1);
