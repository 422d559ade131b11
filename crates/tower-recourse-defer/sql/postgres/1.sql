-- Jobs of tower-recourse-defer. Times are milliseconds since the start of 1970, in UTC.
create schema if not exists recourse;

create table recourse.jobs (
    queue text not null,
    key text collate "C" not null,
    payload bytea not null,
    -- When the job was stored.
    stored bigint not null,
    -- 'waiting' (also while a worker runs the job), 'done' or 'dead'.
    state text not null default 'waiting',
    attempts bigint not null,
    -- Claims since the last outcome.
    claims bigint not null default 0,
    -- When the job is due; while it is leased, the end of the lease; when it has finished, its end.
    due bigint not null,
    leased boolean not null default false,
    -- The number of the latest claim.
    token bigint not null,
    -- Why a job is dead.
    reason text,
    -- A JSON array.
    history text not null default '[]',
    primary key (queue, key)
);

-- Serves claims, counts and purges.
create index jobs_by_due on recourse.jobs (queue, state, due);

create table recourse.jobs_version (version bigint not null);
insert into recourse.jobs_version values (1);
