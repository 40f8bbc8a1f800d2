/** The step of the schema that made tasks of audiences. Never edited: it is published. */
export const AUDIENCE_TASKS = `
  -- Audiences are tasks with the seven states. What an earlier version was collecting is failed:
  -- its plan has another form, and a start collects it anew.
  CREATE TABLE audience_log (
    seq INTEGER PRIMARY KEY,
    audience TEXT NOT NULL,
    from_state TEXT NOT NULL,
    to_state TEXT NOT NULL,
    epoch INTEGER NOT NULL,
    by TEXT NOT NULL,
    why TEXT NOT NULL,
    at INTEGER NOT NULL
  ) STRICT;
  CREATE INDEX audience_log_by_audience ON audience_log (audience);
  DELETE FROM collections;
  DELETE FROM collection_parts;
  ALTER TABLE collections ADD COLUMN pull TEXT;
  UPDATE audiences SET
    state = CASE state WHEN 'ready' THEN 'finished' WHEN 'importing' THEN 'started'
      ELSE 'failed' END,
    record = json_set(json_remove(record, '$.failure'),
      '$.state', CASE state WHEN 'ready' THEN 'finished' WHEN 'importing' THEN 'started'
        ELSE 'failed' END,
      '$.by', 'system',
      '$.why', CASE WHEN state = 'failed' THEN json_extract(record, '$.failure')
        WHEN state = 'collecting' THEN 'an earlier version was collecting it: start it again'
        ELSE 'made by an earlier version' END,
      '$.changedAt', json_extract(record, '$.createdAt'),
      '$.epoch', 1);
  INSERT INTO audience_log (audience, from_state, to_state, epoch, by, why, at)
    SELECT id, state, state, 1, 'system', json_extract(record, '$.why'),
      json_extract(record, '$.createdAt') FROM audiences ORDER BY seq;
  `;
