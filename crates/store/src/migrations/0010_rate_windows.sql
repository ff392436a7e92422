-- How many requests each limit has let in during its window, where several nodes share the count (rates.rs).
CREATE TABLE rate_windows (
    scope   {key}  NOT NULL,
    id      BIGINT NOT NULL,
    ends_at BIGINT NOT NULL,
    taken   BIGINT NOT NULL,
    PRIMARY KEY (scope, id)
) {hot};
